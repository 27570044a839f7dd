// Accelerators as the kernel's file systems show them. Every path is below `root`, which is empty
// but in tests.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "hardware/node_facts.h"

namespace torchelastic::hardware {

/// AMD's, of /sys/class/kfd/kfd/topology, as ROCm numbers them. None without /dev/kfd, which a
/// container may lack although it shows the host's /sys.
std::vector<Gpu> amd_gpus(const std::string& root);

struct IntelGpus {
    std::vector<Gpu> discrete;  ///< one for each tile
    std::vector<Gpu> integrated;
};

/// Intel's with the driver xe or i915 and a /dev/dri/renderD*, of /sys/class/drm, in order of PCI
/// address, as Level Zero has them.
IntelGpus intel_gpus(const std::string& root);

/// /dev/nvidia0, /dev/nvidia1, ...; not /dev/nvidiactl.
std::size_t nvidia_files(const std::string& root);

/// The NUMA node of a PCI device; -1 if the kernel does not know.
int numa_node(const std::string& root, const std::string& pci);

}  // namespace torchelastic::hardware
