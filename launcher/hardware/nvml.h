// NVIDIA's GPUs, asked of the driver's own library. It is loaded when asked and never linked.
#pragma once

#include <vector>

#include "base/result.h"
#include "hardware/node_facts.h"

namespace torchelastic::hardware {

/// The GPUs that this process may use, in order of PCI address, which is CUDA's order too unless
/// they are of several kinds. An error if there is no libnvidia-ml.so.1 or it does not work. Takes
/// the driver some 10 ms, or seconds where it has to wake the GPUs first (no persistence mode).
Result<std::vector<Gpu>> ask_nvml();

}  // namespace torchelastic::hardware
