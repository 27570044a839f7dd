// --numa-binding where there is no hwloc to link statically: refused, in words. Takes the place of
// hardware/binding.cpp.
#include "hardware/binding.h"

namespace torchelastic::hardware {

void DestroyTopology::operator()(hwloc_topology*) const {}

Result<Topology> load_topology(bool) {
    return failure(
        "torchelastic-static, the agent of steps in containers, was built without hwloc: leave the "
        "option out, or build it where there is a libhwloc.a");
}

Result<std::vector<Cpus>> bind_workers(hwloc_topology*, options::NumaBinding, int,
                                       const std::vector<Gpu>&, const Cpus&) {
    return std::vector<Cpus>{};
}

std::string words(const std::vector<Cpus>&) {
    return {};
}

}  // namespace torchelastic::hardware
