// Counting workers.
#include "agent/worker_count.h"

#include <sched.h>
#include <unistd.h>

#include <fmt/format.h>

namespace torchelastic::agent {

Result<int> worker_count(const options::WorkersPerNode& asked, const NodeFacts& facts) {
    using From = options::WorkersPerNode::From;
    const std::size_t gpus = facts.given_gpus.value_or(facts.device_files);
    switch (asked.from) {
        case From::number:
            return asked.number;
        case From::cpus:
            return static_cast<int>(facts.cpus);
        case From::automatic:
            return static_cast<int>(gpus > 0 ? gpus : facts.cpus);
        case From::xpu:
            return failure(
                "--nproc-per-node=xpu: this release cannot count Intel's GPUs: give a "
                "number");
        case From::devices:
            break;
    }
    if (gpus > 0) return static_cast<int>(gpus);
    return failure(fmt::format(
        "--nproc-per-node=gpu: no GPU here for this job: {}. Ask Slurm for some (--gpus, "
        "--gpus-per-node), or give a number",
        facts.given_gpus ? "CUDA_VISIBLE_DEVICES (or ROCR_VISIBLE_DEVICES, ZE_AFFINITY_MASK, "
                           "SLURM_GPUS_ON_NODE) names none"
                         : "neither the environment names any nor is there /dev/nvidia0"));
}

NodeFacts look_at_node(std::optional<std::size_t> given_gpus) {
    NodeFacts facts{.cpus = 1, .given_gpus = given_gpus};
    // The kernel wants a mask as large as its own; 1024 CPUs are not the most there can be.
    for (int cpus = CPU_SETSIZE; cpus <= CPU_SETSIZE * 64; cpus *= 2) {
        cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(cpus));
        const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
        const bool known = ::sched_getaffinity(0, size, set) == 0;
        if (known) facts.cpus = static_cast<std::size_t>(CPU_COUNT_S(size, set));
        CPU_FREE(set);
        if (known) break;
    }
    while (::access(fmt::format("/dev/nvidia{}", facts.device_files).c_str(), F_OK) == 0) {
        facts.device_files += 1;
    }
    return facts;
}

}  // namespace torchelastic::agent
