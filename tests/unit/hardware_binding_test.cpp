// Workers' CPUs on machines that hwloc makes up, and on this one.
#include <hwloc.h>

#include <algorithm>
#include <map>
#include <numeric>

#include <gtest/gtest.h>

#include "hardware/binding.h"
#include "hardware/look.h"

namespace torchelastic::hardware {
namespace {

using options::NumaBinding;

/// Two sockets of two NUMA nodes of two L3 caches of two cores of two threads: node n has the CPUs
/// 8n to 8n+7, and hwloc numbers the threads of a core one after the other.
constexpr const char* kServer = "pack:2 numa:2 l3:2 core:2 pu:2";
constexpr int kServerCpus = 32;

Topology made(const char* description) {
    hwloc_topology_t topology = nullptr;
    EXPECT_EQ(::hwloc_topology_init(&topology), 0);
    EXPECT_EQ(::hwloc_topology_set_synthetic(topology, description), 0) << description;
    EXPECT_EQ(::hwloc_topology_load(topology), 0) << description;
    return Topology(topology);
}

std::string pci_device(const std::string& address) {
    const std::string bus = address.substr(5, 2);
    return R"(<object type="Bridge" bridge_type="0-1" depth="0" bridge_pci="0000:[)" + bus + "-" +
           bus + R"(]"><object type="PCIDev" pci_busid=")" + address +
           R"(" pci_type="0302 [10de:2330] [10de:16c1] a1" pci_link_speed="0.0"/></object>)";
}

/// The same with PCI devices below the nodes that they are mapped to; -1: below the whole machine.
Topology with_devices(const char* description, const std::map<std::string, int>& devices) {
    const Topology plain = made(description);
    char* text = nullptr;
    int length = 0;
    EXPECT_EQ(::hwloc_topology_export_xmlbuffer(plain.get(), &text, &length, 0), 0);
    std::string xml = text;
    ::hwloc_free_xmlbuffer(plain.get(), text);
    for (const auto& [address, node] : devices) {
        // A node's memory ends where its parent goes on, the whole machine with the last object.
        const auto memory = xml.find(R"(type="NUMANode" os_index=")" + std::to_string(node) + '"');
        const auto at = node < 0 ? xml.rfind("</object>") : xml.find("</object>", memory) + 9;
        xml.insert(at, pci_device(address));
    }
    hwloc_topology_t topology = nullptr;
    EXPECT_EQ(::hwloc_topology_init(&topology), 0);
    EXPECT_EQ(::hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_ALL), 0);
    EXPECT_EQ(
        ::hwloc_topology_set_xmlbuffer(topology, xml.c_str(), static_cast<int>(xml.size()) + 1), 0);
    EXPECT_EQ(::hwloc_topology_load(topology), 0) << xml;
    EXPECT_EQ(::hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PCI_DEVICE),
              static_cast<int>(devices.size()))
        << xml;
    return Topology(topology);
}

Cpus range(int first, int end) {
    Cpus cpus(static_cast<std::size_t>(end - first));
    std::iota(cpus.begin(), cpus.end(), first);
    return cpus;
}

std::vector<Gpu> at_nodes(const std::vector<int>& nodes) {
    std::vector<Gpu> gpus;
    for (const int node : nodes)
        gpus.push_back({.numa_node = node});
    return gpus;
}

/// "0-7 8-15", or the error.
std::string bound(const Topology& topology, NumaBinding how, int workers,
                  const std::vector<Gpu>& gpus, const Cpus& allowed) {
    const auto sets = bind_workers(topology.get(), how, workers, gpus, allowed);
    if (!sets) return sets.error().text();
    std::string text;
    for (const Cpus& cpus : *sets)
        text += (text.empty() ? "" : " ") + cpu_list(cpus);
    return text;
}

struct Case {
    const char* what;
    const char* machine;
    NumaBinding how;
    int workers;
    std::vector<int> gpus;  // their nodes
    Cpus allowed;
    const char* expected;
};

const Cpus kAll = range(0, kServerCpus);

TEST(Binding, is_to_the_cpus_near_a_workers_gpu) {
    using enum NumaBinding;
    const Case kCases[] = {
        {"a node each", kServer, node, 4, {3, 2, 1, 0}, kAll, "24-31 16-23 8-15 0-7"},
        {"two on a node", kServer, node, 2, {1, 1}, kAll, "8-15 8-15"},
        {"fewer workers than GPUs", kServer, node, 1, {2, 0}, kAll, "16-23"},
        {"more workers than GPUs", kServer, node, 3, {2, 0}, kAll, "16-23 0-7 16-23"},
        {"within the mask", kServer, node, 2, {0, 1}, {1, 2, 9}, "1-2 9"},
        {"a socket", kServer, socket, 2, {1, 2}, kAll, "0-15 16-31"},
        {"a socket within the mask", kServer, socket, 1, {1}, {2, 30}, "2"},
        {"cores alone", kServer, exclusive, 2, {1, 1}, kAll, "8-11 12-15"},
        {"the first get one more", kServer, exclusive, 3, {1, 1, 1}, kAll, "8-11 12-13 14-15"},
        {"a share for the GPU that has no worker", kServer, exclusive, 1, {1, 1}, kAll, "8-11"},
        {"a share for the worker that has no GPU", kServer, exclusive, 2, {1}, kAll, "8-11 12-15"},
        {"half a core is a core", kServer, exclusive, 2, {1, 1}, {9, 10, 12, 13}, "9-10 12-13"},
        {"both threads of a core go together",
         kServer,
         exclusive,
         4,
         {0, 0, 0, 0},
         kAll,
         "0-1 2-3 4-5 6-7"},
        {"caches in turn", kServer, core_complex, 3, {1, 1, 1}, kAll, "8-11 12-15 8-11"},
        {"the fullest cache first", kServer, core_complex, 2, {1, 1}, {8, 12, 13}, "12-13 8"},
        {"the last level is L2",
         "numa:1 l2:2 core:2 pu:1",
         core_complex,
         2,
         {0, 0},
         range(0, 4),
         "0-1 2-3"},
        {"no caches known", "numa:2 core:2 pu:1", core_complex, 2, {0, 1}, range(0, 4), "0-1 2-3"},
        {"no sockets known", "numa:2 core:2 pu:1", socket, 2, {0, 1}, range(0, 4), "0-1 2-3"},
        {"two sockets in a node", "numa:1 pack:2 core:2 pu:1", socket, 1, {0}, range(0, 4), "0-3"},
        {"one node, whatever the kernel says",
         "numa:1 core:2 pu:1",
         node,
         1,
         {-1},
         range(0, 2),
         "0-1"},
    };
    for (const Case& each : kCases) {
        EXPECT_EQ(
            bound(made(each.machine), each.how, each.workers, at_nodes(each.gpus), each.allowed),
            each.expected)
            << each.what;
    }
}

TEST(Binding, spreads_workers_evenly_where_no_gpu_says_where) {
    using enum NumaBinding;
    const Case kCases[] = {
        {"a node each", kServer, node, 4, {}, kAll, "0-7 8-15 16-23 24-31"},
        {"far from each other", kServer, node, 2, {}, kAll, "0-7 16-23"},
        {"neighbours share",
         kServer,
         node,
         8,
         {},
         kAll,
         "0-7 0-7 8-15 8-15 16-23 16-23 24-31 24-31"},
        {"over sockets", kServer, socket, 2, {}, kAll, "0-15 16-31"},
        {"over caches",
         kServer,
         core_complex,
         8,
         {},
         kAll,
         "0-3 4-7 8-11 12-15 16-19 20-23 24-27 28-31"},
        {"cores", kServer, exclusive, 8, {}, kAll, "0-3 4-7 8-11 12-15 16-19 20-23 24-27 28-31"},
        {"only over nodes that the mask allows", kServer, node, 2, {}, {8, 9, 24}, "8-9 24"},
        {"an accelerator without a place", kServer, node, 2, {3, -1}, kAll, "0-7 16-23"},
        {"an accelerator at a node that is not there", kServer, node, 1, {9}, kAll, "0-7"},
    };
    for (const Case& each : kCases) {
        EXPECT_EQ(
            bound(made(each.machine), each.how, each.workers, at_nodes(each.gpus), each.allowed),
            each.expected)
            << each.what;
    }
}

TEST(Binding, that_leaves_nothing_is_an_error) {
    EXPECT_EQ(bound(made(kServer), NumaBinding::node, 2, at_nodes({0, 1}), {0, 1}),
              "--numa-binding: local rank 1: its GPU is at NUMA node 1, none of whose CPUs this "
              "process may use (it may use 0-1): ask for CPUs near the GPUs, or leave out "
              "--numa-binding");
    EXPECT_EQ(bound(made(kServer), NumaBinding::exclusive, 3, at_nodes({0, 0, 0}), {0, 1, 4}),
              "--numa-binding: local rank 0: NUMA node 0 has 2 cores that this process may use "
              "(CPUs 0-1,4), too few for 3 workers or GPUs");
    EXPECT_EQ(bound(made(kServer), NumaBinding::node, 1, {}, {64}),
              "--numa-binding: hwloc knows none of the CPUs that this process may use (64)");
}

TEST(Binding, finds_gpus_by_their_pci_address) {
    const Topology topology =
        with_devices(kServer, {{"0000:17:00.0", 3}, {"0000:9b:00.0", 1}, {"0000:e1:00.0", -1}});
    const Gpu on_three{.pci = "0000:17:00.0"};
    const Gpu on_one{.pci = "0000:9b:00.0", .numa_node = 0};  // hwloc knows better
    const Gpu anywhere{.pci = "0000:e1:00.0"};
    const Gpu by_the_kernel{.pci = "0000:e1:00.0", .numa_node = 2};
    const auto node = [&](const std::vector<Gpu>& gpus) {
        return bound(topology, NumaBinding::node, 2, gpus, kAll);
    };
    EXPECT_EQ(node({on_three, on_one}), "24-31 8-15");
    EXPECT_EQ(node({on_three, by_the_kernel}), "24-31 16-23");
    EXPECT_EQ(node({on_three, anywhere}), "0-7 16-23") << "spread: one has no place";
    EXPECT_EQ(node({on_three, {.pci = "0000:ff:00.0"}}), "0-7 16-23") << "not there";
    EXPECT_EQ(node({on_three, {.pci = "nonsense"}}), "0-7 16-23");
}

TEST(Binding, works_on_this_machine) {
    const auto topology = load_topology(true);
    ASSERT_TRUE(topology) << topology.error().text();
    ASSERT_TRUE(load_topology(false));
    const Cpus own = own_cpus();
    for (const NumaBinding how : {NumaBinding::node, NumaBinding::socket, NumaBinding::exclusive,
                                  NumaBinding::core_complex}) {
        const auto sets = bind_workers(topology->get(), how, 1, {}, own);
        ASSERT_TRUE(sets) << sets.error().text();
        ASSERT_EQ(sets->size(), 1U);
        EXPECT_FALSE(sets->front().empty());
        EXPECT_TRUE(
            std::includes(own.begin(), own.end(), sets->front().begin(), sets->front().end()));
    }
}

TEST(Binding, is_told_in_one_line) {
    EXPECT_EQ(words({{0, 1, 2}, {5}}), "local rank 0 on CPUs 0-2, 1 on CPUs 5");
}

}  // namespace
}  // namespace torchelastic::hardware
