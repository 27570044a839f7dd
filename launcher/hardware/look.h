// Looks at the node: everything that counting and placing workers is decided by. Only what is asked
// for is looked at.
#pragma once

#include <string>

#include "base/cpus.h"
#include "hardware/node_facts.h"

namespace torchelastic::hardware {

/// The CPUs that this process may run on.
Cpus own_cpus();

/// `root` stands before all paths, in tests.
CpuFacts look_at_cpus(const std::string& root = "");

/// Takes as long as NVML does.
GpuFacts look_at_gpus(const std::string& root = "");

}  // namespace torchelastic::hardware
