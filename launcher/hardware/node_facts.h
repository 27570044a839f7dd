// What a node has for torch to run on, as it was found by looking. Values only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace torchelastic::hardware {

/// One accelerator.
struct Gpu {
    std::string pci;     ///< "0000:c1:00.0"; "" if unknown
    std::string uuid;    ///< as visibility variables name it: "GPU-8932f937-..."; "" if unknown
    int numa_node = -1;  ///< the kernel's word; -1 if it has none
    std::vector<std::string> instances;  ///< "MIG-..." of an NVIDIA GPU that is cut up

    bool operator==(const Gpu&) const = default;
};

struct CpuFacts {
    std::size_t affinity = 1;          ///< that the process may run on
    std::optional<std::size_t> quota;  ///< whose time its cgroups allow, rounded up

    std::size_t usable() const { return quota && *quota < affinity ? *quota : affinity; }
};

/// What looking found, before anything that hides a part of it is applied.
struct GpuFacts {
    std::optional<std::vector<Gpu>> nvidia;  ///< in NVML's order; nothing: NVML cannot be asked,
    std::string no_nvml;                     ///< for this reason
    std::size_t nvidia_files = 0;            ///< /dev/nvidia0, ...
    std::vector<Gpu> amd;                    ///< in KFD's order
    std::vector<Gpu> intel;         ///< discrete, one for each tile; integrated ones if only these
    bool intel_integrated = false;  ///< these are `intel`

    bool has_nvidia() const { return nvidia && !nvidia->empty(); }
};

}  // namespace torchelastic::hardware
