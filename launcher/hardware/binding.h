// Where on the node workers run: --numa-binding. Deciding is pure; the node's topology is hwloc's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/cpus.h"
#include "base/result.h"
#include "hardware/node_facts.h"
#include "options/values.h"

struct hwloc_topology;

namespace torchelastic::hardware {

struct DestroyTopology {
    void operator()(hwloc_topology* topology) const;
};
using Topology = std::unique_ptr<hwloc_topology, DestroyTopology>;

/// This node's, with its PCI devices if these are of interest. Some milliseconds; without hwloc's
/// plugins, which would wake GPU drivers and X servers. HWLOC_XMLFILE and HWLOC_SYNTHETIC replace
/// it, as hwloc(7) says.
Result<Topology> load_topology(bool with_devices);

/// The CPUs of each worker, by local rank: never empty, and only such as `allowed` has.
///
/// A worker's accelerator is the one of its local rank, modulo their number. It is where hwloc
/// finds its PCI device, else where the kernel says. Where there is none, or where one's place is
/// unknown, workers are spread evenly over the NUMA nodes, in order; torchrun refuses to bind then.
/// Cores and caches of a NUMA node are shared out among its accelerators, as in torch, or among its
/// workers, if these are more.
Result<std::vector<Cpus>> bind_workers(hwloc_topology* topology, options::NumaBinding how,
                                       int workers, const std::vector<Gpu>& gpus,
                                       const Cpus& allowed);

/// "local rank 0 on CPUs 0-3, 1 on CPUs 4-7".
std::string words(const std::vector<Cpus>& workers);

}  // namespace torchelastic::hardware
