// How many CPUs' time the cgroups of this process allow: Kubernetes, Docker and Slurm limit jobs
// so without narrowing their affinity.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace torchelastic::hardware {

/// The tightest quota on the way from the process' own cgroup to the topmost that can be seen,
/// rounded up, at least 1: cpu.max of version 2, cpu.cfs_quota_us of version 1. Nothing if there is
/// none. All paths are below `root`, which is empty but in tests.
std::optional<std::size_t> quota_cpus(const std::string& root);

}  // namespace torchelastic::hardware
