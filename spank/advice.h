// Whether an agent has less of its node than its job has, by what is probably a mistake. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace torchelastic::door {

/// What one node's agent is given, and what there is. A number that nobody told is absent.
struct Share {
    std::string node;
    std::string asked;             ///< CommandLine::shares
    std::string workers;           ///< --nproc-per-node as the user wrote it
    std::optional<long> cores;     ///< of the step on this node
    std::optional<long> of_cores;  ///< of the job there
    std::optional<long> gpus;      ///< of the step there
    std::optional<long> visible;   ///< of these, which the agent may see
    std::optional<long> of_gpus;   ///< of the job there
};

/// Lines for the user, each with the option that did it and what to do; none where the share may
/// well be meant, as where two steps divide a node with enough for each.
std::vector<std::string> advice(const Share& share);

/// How many things a list such as "0-3,8" or "GPU-5d2f,GPU-87aa" names.
long count_list(const std::string& list);

}  // namespace torchelastic::door
