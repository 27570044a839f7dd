// Asking each source once.
#include "hardware/look.h"

#include <sched.h>

#include "hardware/cpu_quota.h"
#include "hardware/nvml.h"
#include "hardware/sysfs.h"

namespace torchelastic::hardware {

Cpus own_cpus() {
    // The kernel wants a mask as large as its own; 1024 CPUs are not the most there can be.
    for (int most = CPU_SETSIZE; most <= CPU_SETSIZE * 64; most *= 2) {
        cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(most));
        const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(most));
        const bool known = ::sched_getaffinity(0, size, set) == 0;
        Cpus cpus;
        for (int cpu = 0; known && cpu < most; ++cpu) {
            if (CPU_ISSET_S(static_cast<std::size_t>(cpu), size, set)) cpus.push_back(cpu);
        }
        CPU_FREE(set);
        if (known) return cpus;
    }
    return {0};
}

CpuFacts look_at_cpus(const std::string& root) {
    return {own_cpus().size(), quota_cpus(root)};
}

GpuFacts look_at_gpus(const std::string& root) {
    GpuFacts facts;
    auto nvidia = ask_nvml();
    if (nvidia) {
        for (Gpu& gpu : *nvidia)
            gpu.numa_node = numa_node(root, gpu.pci);
        facts.nvidia = std::move(*nvidia);
    } else {
        facts.no_nvml = nvidia.error().text();
    }
    facts.nvidia_files = nvidia_files(root);
    facts.amd = amd_gpus(root);
    IntelGpus intel = intel_gpus(root);
    facts.intel_integrated = intel.discrete.empty() && !intel.integrated.empty();
    facts.intel = std::move(intel.discrete.empty() ? intel.integrated : intel.discrete);
    return facts;
}

}  // namespace torchelastic::hardware
