// How many workers this node runs: --nproc-per-node. Pure: what the node has is handed in.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/result.h"
#include "hardware/node_facts.h"
#include "hardware/visible.h"
#include "options/values.h"

namespace torchelastic::agent {

struct WorkerCount {
    int workers = 1;
    std::string reason;  ///< for people; empty where the user named the number
};

/// What was looked at. Of what the answer does not depend on, nothing need be filled in: a number
/// needs no facts, "cpu" no GPUs.
struct CountFacts {
    hardware::CpuFacts cpus;
    hardware::GpuFacts gpus;
    std::optional<std::size_t> slurm_gpus;  ///< slurm::gpus_on_node
};

/// torchrun's meaning of a number, gpu, xpu, cpu and auto. Two differences: "cpu" heeds the quota
/// of CPU time too, and "auto" takes an integrated GPU for none, since it cannot know whether torch
/// was built for it. Asking for devices where there are none is an error that says what was looked
/// at.
Result<WorkerCount> worker_count(const options::WorkersPerNode& asked,
                                 const hardware::Environment& environment, const CountFacts& facts);

}  // namespace torchelastic::agent
