// How many workers this node runs: --nproc-per-node. Pure: what the node has is handed in.
#pragma once

#include <cstddef>
#include <optional>

#include "base/result.h"
#include "options/values.h"

namespace torchelastic::agent {

/// What this node has, as far as it can be told without loading any GPU library.
struct NodeFacts {
    std::size_t cpus = 1;  ///< that this process may run on
    std::optional<std::size_t>
        given_gpus;                ///< by *_VISIBLE_DEVICES or Slurm; see slurm::count_gpus
    std::size_t device_files = 0;  ///< /dev/nvidia0, ... where nobody gave or hid any
};

/// torchrun's meaning of a number, gpu, cpu and auto. Asking for GPUs where there are none is an
/// error that says what was looked at.
Result<int> worker_count(const options::WorkersPerNode& asked, const NodeFacts& facts);

/// Looks: the affinity mask and /dev.
NodeFacts look_at_node(std::optional<std::size_t> given_gpus);

}  // namespace torchelastic::agent
