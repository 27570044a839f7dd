// From hwloc's tree to a set of CPUs per worker.
#include "hardware/binding.h"

#include <hwloc.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::hardware {

namespace {

using options::NumaBinding;

struct FreeBitmap {
    void operator()(hwloc_bitmap_t bitmap) const { ::hwloc_bitmap_free(bitmap); }
};
using Set = std::unique_ptr<hwloc_bitmap_s, FreeBitmap>;

Set both(hwloc_const_bitmap_t a, hwloc_const_bitmap_t b) {
    Set set(::hwloc_bitmap_alloc());
    ::hwloc_bitmap_and(set.get(), a, b);
    return set;
}

bool empty(const Set& set) {
    return ::hwloc_bitmap_iszero(set.get()) != 0;
}

Set set_of(const Cpus& cpus) {
    Set set(::hwloc_bitmap_alloc());
    for (const int cpu : cpus)
        ::hwloc_bitmap_set(set.get(), static_cast<unsigned>(cpu));
    return set;
}

Cpus cpus_of(const Set& set) {
    Cpus cpus;
    for (int cpu = ::hwloc_bitmap_first(set.get()); cpu >= 0;
         cpu = ::hwloc_bitmap_next(set.get(), cpu)) {
        cpus.push_back(cpu);
    }
    return cpus;
}

/// The CPUs in `within` of every object of a type that has some there, in hwloc's order.
std::vector<Set> parts(hwloc_topology* topology, hwloc_obj_type_t type,
                       hwloc_const_bitmap_t within) {
    std::vector<Set> parts;
    for (hwloc_obj_t each = nullptr;
         (each = ::hwloc_get_next_obj_by_type(topology, type, each)) != nullptr;) {
        Set part = both(each->cpuset, within);
        if (!empty(part)) parts.push_back(std::move(part));
    }
    return parts;
}

/// The NUMA nodes as places for workers. Memory without CPUs is none, and different memories of the
/// same CPUs (HBM beside DDR) are one.
std::vector<hwloc_obj_t> homes(hwloc_topology* topology) {
    std::vector<hwloc_obj_t> homes;
    for (hwloc_obj_t node = nullptr;
         (node = ::hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
        const bool known = std::any_of(homes.begin(), homes.end(), [&](hwloc_obj_t home) {
            return ::hwloc_bitmap_isequal(home->cpuset, node->cpuset) != 0;
        });
        if (!known && ::hwloc_bitmap_iszero(node->cpuset) == 0) homes.push_back(node);
    }
    return homes;
}

hwloc_obj_t home_with(const std::vector<hwloc_obj_t>& homes, hwloc_const_bitmap_t cpus) {
    const auto found = std::find_if(homes.begin(), homes.end(), [&](hwloc_obj_t home) {
        return ::hwloc_bitmap_intersects(home->cpuset, cpus) != 0;
    });
    return found == homes.end() ? nullptr : *found;
}

/// Where an accelerator is, or null if nobody knows. Firmware that says nothing hangs all devices
/// below the whole machine.
hwloc_obj_t home_of(hwloc_topology* topology, const std::vector<hwloc_obj_t>& homes,
                    const Gpu& gpu) {
    if (homes.size() == 1) return homes.front();
    const hwloc_obj_t device =
        gpu.pci.empty() ? nullptr : ::hwloc_get_pcidev_by_busidstring(topology, gpu.pci.c_str());
    const hwloc_obj_t near =
        device == nullptr ? nullptr : ::hwloc_get_non_io_ancestor_obj(topology, device);
    const bool one = near != nullptr && ::hwloc_bitmap_weight(near->nodeset) == 1;
    if (!one && gpu.numa_node >= 0) {
        const hwloc_obj_t node =
            ::hwloc_get_numanode_obj_by_os_index(topology, static_cast<unsigned>(gpu.numa_node));
        if (node != nullptr) return home_with(homes, node->cpuset);
    }
    if (near == nullptr || near->parent == nullptr) return nullptr;
    return home_with(homes, near->cpuset);
}

/// A place for each of `seats`; none if one of the accelerators has none.
std::vector<hwloc_obj_t> homes_of_gpus(hwloc_topology* topology,
                                       const std::vector<hwloc_obj_t>& homes,
                                       const std::vector<Gpu>& gpus, std::size_t seats) {
    std::vector<hwloc_obj_t> placed;
    for (std::size_t seat = 0; seat < seats && !gpus.empty(); ++seat) {
        const hwloc_obj_t home = home_of(topology, homes, gpus[seat % gpus.size()]);
        if (home == nullptr) return {};
        placed.push_back(home);
    }
    return placed;
}

std::vector<hwloc_obj_t> spread(const std::vector<hwloc_obj_t>& homes, const Set& allowed,
                                std::size_t seats) {
    std::vector<hwloc_obj_t> usable;
    std::copy_if(homes.begin(), homes.end(), std::back_inserter(usable), [&](hwloc_obj_t home) {
        return ::hwloc_bitmap_intersects(home->cpuset, allowed.get()) != 0;
    });
    std::vector<hwloc_obj_t> placed;
    for (std::size_t seat = 0; seat < seats && !usable.empty(); ++seat)
        placed.push_back(usable[seat * usable.size() / seats]);
    return placed;
}

/// One of those who share a NUMA node.
struct Seat {
    hwloc_obj_t home = nullptr;
    std::size_t place = 0;  ///< among `sharers`
    std::size_t sharers = 1;
};

Seat seat_of(const std::vector<hwloc_obj_t>& placed, std::size_t rank) {
    const auto at = placed.begin() + static_cast<std::ptrdiff_t>(rank);
    const auto number = [&](auto end) {
        return static_cast<std::size_t>(std::count(placed.begin(), end, *at));
    };
    return {*at, number(at), number(placed.end())};
}

Set socket(hwloc_topology* topology, const Seat& seat, const Set& allowed) {
    Set cpus(::hwloc_bitmap_dup(seat.home->cpuset));  // where nothing is known of sockets
    for (hwloc_obj_t each = nullptr;
         (each = ::hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PACKAGE, each)) != nullptr;) {
        if (::hwloc_bitmap_intersects(each->cpuset, seat.home->cpuset) != 0)
            ::hwloc_bitmap_or(cpus.get(), cpus.get(), each->cpuset);
    }
    return both(cpus.get(), allowed.get());
}

Result<Set> exclusive(hwloc_topology* topology, const Seat& seat, const Set& usable) {
    std::vector<Set> cores = parts(topology, HWLOC_OBJ_CORE, usable.get());
    if (cores.empty()) cores = parts(topology, HWLOC_OBJ_PU, usable.get());
    const std::size_t share = cores.size() / seat.sharers;
    const std::size_t extra = cores.size() % seat.sharers;
    if (share == 0) {
        return failure(fmt::format(
            "NUMA node {} has {} that this process may use (CPUs {}), too few for {} workers or "
            "GPUs",
            seat.home->os_index, count(cores.size(), "core"), cpu_list(cpus_of(usable)),
            seat.sharers));
    }
    const std::size_t first = seat.place * share + std::min(seat.place, extra);
    const std::size_t end = first + share + (seat.place < extra ? 1 : 0);
    Set cpus(::hwloc_bitmap_alloc());
    for (std::size_t core = first; core < end; ++core)
        ::hwloc_bitmap_or(cpus.get(), cpus.get(), cores[core].get());
    return cpus;
}

/// The caches with most usable CPUs first. A machine of one CPU per cache, or that says nothing of
/// its caches, is one group.
Set core_complex(hwloc_topology* topology, const Seat& seat, Set usable) {
    for (const hwloc_obj_type_t level :
         {HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE}) {
        std::vector<Set> groups = parts(topology, level, usable.get());
        if (groups.empty()) continue;
        std::stable_sort(groups.begin(), groups.end(), [](const Set& a, const Set& b) {
            return ::hwloc_bitmap_weight(a.get()) > ::hwloc_bitmap_weight(b.get());
        });
        return std::move(groups[seat.place % groups.size()]);
    }
    return usable;
}

Result<Cpus> bind_worker(hwloc_topology* topology, NumaBinding how, const Seat& seat,
                         const Set& allowed) {
    Set usable = both(seat.home->cpuset, allowed.get());
    if (how == NumaBinding::socket) usable = socket(topology, seat, allowed);
    if (empty(usable)) {
        return failure(fmt::format(
            "its GPU is at NUMA node {}, none of whose CPUs this process may use (it may use {}): "
            "ask for CPUs near the GPUs, or leave out --numa-binding",
            seat.home->os_index, cpu_list(cpus_of(allowed))));
    }
    if (how == NumaBinding::core_complex) usable = core_complex(topology, seat, std::move(usable));
    if (how != NumaBinding::exclusive) return cpus_of(usable);
    const auto share = exclusive(topology, seat, usable);
    if (!share) return failure(share.error());
    return cpus_of(*share);
}

}  // namespace

void DestroyTopology::operator()(hwloc_topology* topology) const {
    ::hwloc_topology_destroy(topology);
}

Result<Topology> load_topology(bool with_devices) {
    // Read by hwloc_topology_init(3). Workers get an environment of their own.
    ::setenv("HWLOC_PLUGINS_PATH", "/dev/null", 0);
    hwloc_topology_t made = nullptr;
    if (::hwloc_topology_init(&made) != 0) {
        return failure(Error::from_errno("read the node's topology: hwloc_topology_init"));
    }
    Topology topology(made);
    if (with_devices) {
        ::hwloc_topology_set_io_types_filter(made, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
    }
    if (::hwloc_topology_load(made) != 0) {
        return failure(Error::from_errno("read the node's topology: hwloc_topology_load"));
    }
    return topology;
}

Result<std::vector<Cpus>> bind_workers(hwloc_topology* topology, NumaBinding how, int workers,
                                       const std::vector<Gpu>& gpus, const Cpus& allowed) {
    const Set mask = set_of(allowed);
    const std::vector<hwloc_obj_t> all = homes(topology);
    const std::size_t seats = std::max(static_cast<std::size_t>(workers), gpus.size());
    std::vector<hwloc_obj_t> placed = homes_of_gpus(topology, all, gpus, seats);
    if (placed.empty()) placed = spread(all, mask, static_cast<std::size_t>(workers));
    if (placed.empty()) {
        return failure(fmt::format(
            "--numa-binding: hwloc knows none of the CPUs that this process may use ({})",
            cpu_list(allowed)));
    }
    std::vector<Cpus> bound;
    for (std::size_t rank = 0; rank < static_cast<std::size_t>(workers); ++rank) {
        auto cpus = bind_worker(topology, how, seat_of(placed, rank), mask);
        if (!cpus) {
            return failure(std::move(cpus).error().because(
                fmt::format("--numa-binding: local rank {}", rank)));
        }
        bound.push_back(std::move(*cpus));
    }
    return bound;
}

std::string words(const std::vector<Cpus>& workers) {
    std::string text;
    for (std::size_t rank = 0; rank < workers.size(); ++rank) {
        text += fmt::format("{}{} on CPUs {}", rank == 0 ? "local rank " : ", ", rank,
                            cpu_list(workers[rank]));
    }
    return text;
}

}  // namespace torchelastic::hardware
