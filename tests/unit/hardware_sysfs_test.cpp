// Accelerators in trees that were made after those of real machines.
#include <gtest/gtest.h>

#include "hardware/sysfs.h"
#include "hardware_tree.h"

namespace torchelastic::hardware {
namespace {

constexpr const char* kNodes = "/sys/class/kfd/kfd/topology/nodes/";

void kfd_node(Tree& tree, int node, const std::string& properties) {
    tree.file(kNodes + std::to_string(node) + "/properties", properties);
}

constexpr const char* kCpuNode =
    "cpu_cores_count 64\nsimd_count 0\nmem_banks_count 1\nlocation_id 0\ndomain 0\nunique_id 0\n";

TEST(AmdGpus, are_the_nodes_of_kfd_that_compute) {
    Tree tree;
    tree.file("/dev/kfd");
    kfd_node(tree, 0, kCpuNode);
    kfd_node(tree, 10,
             "cpu_cores_count 0\nsimd_count 440\nlocation_id 49408\ndomain 1\n"
             "unique_id 1311768467294899695\n");
    kfd_node(tree, 2,
             "cpu_cores_count 0\nsimd_count 440\nlocation_id 769\ndomain 0\n"
             "unique_id 15\n");
    kfd_node(tree, 3, "");  // a device that a cgroup keeps from us
    tree.file("/sys/bus/pci/devices/0001:c1:00.0/numa_node", "3\n");
    tree.file("/sys/bus/pci/devices/0000:03:00.1/numa_node", "-1\n");
    const std::vector<Gpu> expected = {
        {.pci = "0000:03:00.1", .uuid = "GPU-000000000000000f", .numa_node = -1},
        {.pci = "0001:c1:00.0", .uuid = "GPU-1234567890abcdef", .numa_node = 3},
    };
    EXPECT_EQ(amd_gpus(tree.root()), expected);
}

TEST(AmdGpus, are_out_of_reach_without_their_device_file) {
    Tree tree;
    kfd_node(tree, 1, "simd_count 440\nlocation_id 768\ndomain 0\nunique_id 15\n");
    EXPECT_TRUE(amd_gpus(tree.root()).empty());
}

/// card<n> of /sys/class/drm, with a render node in /dev unless told.
void card(Tree& tree, int n, const std::string& pci, const char* driver, const char* id = "0x56c0",
          bool given = true) {
    const std::string device = "/sys/devices/pci0000:00/" + pci;
    const std::string name = "card" + std::to_string(n);
    const std::string render = "renderD" + std::to_string(128 + n);
    tree.files(device, {{"vendor", "0x8086"}, {"class", "0x038000"}, {"device", id}});
    tree.link(device + "/driver", std::string("/sys/bus/pci/drivers/") + driver);
    tree.file(device + "/drm/" + render + "/dev");
    tree.link("/sys/class/drm/" + name + "/device", device);
    if (given) tree.file("/dev/dri/" + render);
}

std::string addresses(const std::vector<Gpu>& gpus) {
    std::string text;
    for (const Gpu& gpu : gpus)
        text += (text.empty() ? "" : " ") + gpu.pci;
    return text;
}

TEST(IntelGpus, are_sorted_into_discrete_and_integrated_ones) {
    Tree tree;
    card(tree, 0, "0000:00:02.0", "i915");
    card(tree, 1, "0000:9a:00.0", "xe");
    card(tree, 2, "0000:4d:00.0", "i915");
    tree.file("/sys/class/drm/card1-DP-1/status", "connected\n");
    tree.file("/sys/class/drm/version", "drm 1.1.0\n");
    const IntelGpus found = intel_gpus(tree.root());
    EXPECT_EQ(addresses(found.discrete), "0000:4d:00.0 0000:9a:00.0");
    EXPECT_EQ(addresses(found.integrated), "0000:00:02.0");
}

TEST(IntelGpus, count_once_for_each_tile) {
    Tree tree;
    card(tree, 0, "0000:4d:00.0", "xe", "0x0bd5");
    tree.file("/sys/devices/pci0000:00/0000:4d:00.0/tile0/gt0/id");
    tree.file("/sys/devices/pci0000:00/0000:4d:00.0/tile1/gt0/id");
    card(tree, 1, "0000:5d:00.0", "i915", "0x0bd5");
    tree.file("/sys/class/drm/card1/gt/gt0/id");
    tree.file("/sys/class/drm/card1/gt/gt1/id");
    card(tree, 2, "0000:6d:00.0", "i915");
    tree.file("/sys/class/drm/card2/gt/gt0/id");
    tree.file("/sys/class/drm/card2/gt/gt1/id");  // a media engine
    EXPECT_EQ(addresses(intel_gpus(tree.root()).discrete),
              "0000:4d:00.0 0000:4d:00.0 0000:5d:00.0 0000:5d:00.0 0000:6d:00.0");
}

TEST(IntelGpus, are_not_what_another_driver_or_container_holds) {
    Tree tree;
    card(tree, 0, "0000:4d:00.0", "vfio-pci");
    card(tree, 1, "0000:5d:00.0", "xe", "0x56c0", false);
    card(tree, 2, "0000:6d:00.0", "xe");
    tree.files("/sys/devices/pci0000:00/0000:6d:00.0", {{"vendor", "0x10de"}});
    card(tree, 3, "0000:7d:00.0", "xe");
    tree.files("/sys/devices/pci0000:00/0000:7d:00.0", {{"class", "0x020000"}});
    const IntelGpus found = intel_gpus(tree.root());
    EXPECT_EQ(addresses(found.discrete), "");
    EXPECT_EQ(addresses(found.integrated), "");
}

TEST(NvidiaFiles, are_counted_with_gaps_and_without_the_others) {
    Tree tree;
    EXPECT_EQ(nvidia_files(tree.root()), 0U);
    for (const char* name : {"nvidia2", "nvidia10", "nvidiactl", "nvidia-uvm", "nvidia"})
        tree.file(std::string("/dev/") + name);
    EXPECT_EQ(nvidia_files(tree.root()), 2U);
}

}  // namespace
}  // namespace torchelastic::hardware
