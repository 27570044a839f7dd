// Which accelerators a worker's torch will see, and so how many there are: what looking found, cut
// down by the variables that hide devices and by what Slurm gave. Pure; loads no GPU library.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hardware/node_facts.h"

namespace torchelastic::hardware {

using Environment = std::map<std::string, std::string>;

enum class Vendor { nvidia, amd, intel, unknown };

/// Accelerators in the order in which torch numbers them.
struct Visible {
    Vendor vendor = Vendor::unknown;
    std::vector<Gpu> gpus;  ///< of those that could only be counted nothing is known
    std::string words;      ///< how it is known: "NVML lists 8, CUDA_VISIBLE_DEVICES='2,3'"
};

/// What torch.cuda sees: NVIDIA's, else AMD's GPUs. A visibility variable is believed where there
/// is nothing to check it against. Of NVIDIA's, the order is that of PCI addresses; CUDA's own
/// differs where GPUs are of several kinds, unless CUDA_DEVICE_ORDER=PCI_BUS_ID. Each MIG instance
/// counts, although CUDA shows a process no more than one. `slurm`: what SLURM_GPUS_ON_NODE says;
/// it counts where no such variable is set.
Visible visible_gpus(const Environment& environment, const GpuFacts& facts,
                     std::optional<std::size_t> slurm);

/// What torch.xpu sees: discrete Intel GPUs, or integrated ones where there are only these (torch
/// 2.7 and later). A tile is a device unless ZE_FLAT_DEVICE_HIERARCHY=COMPOSITE.
Visible visible_xpus(const Environment& environment, const GpuFacts& facts,
                     std::optional<std::size_t> slurm);

/// What CUDA_VISIBLE_DEVICES leaves of `all`; if that is nothing, every entry of the right form
/// counts. As CUDA and torch read it: the first entry says whether all are indices, "GPU-" or
/// "MIG-" names, of which a beginning suffices that fits one device only; reading stops at the
/// first entry that names no device; a device named twice hides them all.
std::vector<Gpu> select(std::string_view list, const std::optional<std::vector<Gpu>>& all);

/// Each worker's only device, for --virtual-local-rank.
struct DevicePerWorker {
    std::string variable;             ///< CUDA_VISIBLE_DEVICES, or what the node's devices obey
    std::vector<std::string> values;  ///< of it, by local rank

    bool operator==(const DevicePerWorker&) const = default;
};

/// Shares the devices out. A list in the agent's environment that has fewer entries than there are
/// workers is an error; without one, the local rank is the device. Of a list that hides all
/// devices nothing can be shared, and it stays.
Result<DevicePerWorker> device_per_worker(const Environment& environment, const GpuFacts& facts,
                                          int workers);

}  // namespace torchelastic::hardware
