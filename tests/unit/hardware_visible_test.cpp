// Which devices variables, Slurm and the node's drivers leave to torch.
#include <gtest/gtest.h>

#include "hardware/visible.h"

namespace torchelastic::hardware {
namespace {

Gpu nvidia(int n) {
    return {.pci = "0000:0" + std::to_string(n) + ":00.0",
            .uuid = "GPU-" + std::to_string(n) + "a0000-0000"};
}

std::vector<Gpu> some(int n) {
    std::vector<Gpu> gpus;
    for (int i = 0; i < n; ++i)
        gpus.push_back(nvidia(i));
    return gpus;
}

GpuFacts with_nvidia(int n) {
    GpuFacts facts;
    facts.nvidia = some(n);
    return facts;
}

GpuFacts with_amd(int n) {
    GpuFacts facts{.no_nvml = "not there"};
    facts.amd = some(n);
    return facts;
}

GpuFacts with_intel(std::vector<Gpu> gpus, bool integrated = false) {
    GpuFacts facts{.no_nvml = "not there"};
    facts.intel = std::move(gpus);
    facts.intel_integrated = integrated;
    return facts;
}

GpuFacts nothing() {
    return {.no_nvml = "not there"};
}

/// The buses of GPUs: "0000:02:00.0" is '2', and '?' is unknown.
std::string buses(const std::vector<Gpu>& gpus) {
    std::string buses;
    for (const Gpu& gpu : gpus)
        buses += gpu.pci.empty() ? '?' : gpu.pci[6];
    return buses;
}

TEST(VisibleDevices, are_read_as_cuda_reads_them) {
    const struct {
        const char* what;
        const char* list;
        const char* of_four;     // buses
        const char* of_unknown;  // where there is nothing to check against
    } kCases[] = {
        {"one", "2", "2", "?"},
        {"in an order of their own", "3,1", "31", "??"},
        {"with blanks", " 1 , 2 ", "12", "??"},
        {"nothing", "", "", ""},
        {"hidden", "-1", "", ""},
        {"stops at a negative one", "0,-1,1", "0", "?"},
        {"stops at one that is not there", "0,4,1", "0", "???"},
        {"stops at an empty entry", "0,,1", "0", "?"},
        {"a number is what strtoul takes for one", "1gpu2,+2ampere", "12", "??"},
        {"words are no numbers", "NoDevFiles", "", ""},
        {"one twice hides all", "0,1,0", "", ""},
        {"too large for any number", "99999999999999999999", "", ""},
        {"beginnings of names", "GPU-3,GPU-1a0", "31", "??"},
        {"a whole name", "GPU-0a0000-0000", "0", "?"},
        {"a name that fits several", "GPU-", "", "?"},
        {"a name that fits none", "GPU-1,GPU-7,GPU-2", "1", "???"},
        {"a device by two names", "GPU-1,GPU-1a", "", "??"},
        {"names, then a number", "GPU-1,2", "1", "?"},
        {"a number, then a name", "1,GPU-2", "1", "?"},
        {"lower case is no name", "gpu-1", "", ""},
    };
    for (const auto& each : kCases) {
        EXPECT_EQ(buses(select(each.list, some(4))), each.of_four) << each.what;
        EXPECT_EQ(buses(select(each.list, std::nullopt)), each.of_unknown) << each.what;
    }
}

TEST(VisibleDevices, are_instances_of_a_gpu_that_is_cut_up) {
    std::vector<Gpu> gpus = some(2);
    gpus[1].instances = {"MIG-aa", "MIG-ab", "MIG-GPU-1a0000-0000/1/0"};
    const auto both = select("MIG-ab,MIG-aa", gpus);
    ASSERT_EQ(both.size(), 2U);
    EXPECT_EQ(both[0], (Gpu{.pci = gpus[1].pci, .uuid = "MIG-ab"}));
    EXPECT_EQ(select("MIG-GPU-1a0000-0000/1/0", gpus).size(), 1U) << "as drivers before R470";
    EXPECT_EQ(select("MIG-a", gpus).size(), 0U) << "fits two";
    EXPECT_EQ(select("MIG-aa,GPU-0", gpus).size(), 1U) << "kinds do not mix";
    EXPECT_EQ(select("MIG-aa,MIG-aa", gpus).size(), 0U);
}

struct Sight {
    const char* what;
    GpuFacts facts;
    Environment environment;
    std::optional<std::size_t> slurm;
    const char* buses;
};

TEST(VisibleGpus, are_those_of_the_driver_that_is_there) {
    GpuFacts both = with_nvidia(2);
    both.amd = some(3);
    GpuFacts files = nothing();
    files.nvidia_files = 3;
    GpuFacts idle_driver = with_nvidia(0);
    const Sight kCases[] = {
        {"all", with_nvidia(3), {}, {}, "012"},
        {"some", with_nvidia(3), {{"CUDA_VISIBLE_DEVICES", "2,0"}}, {}, "20"},
        {"hidden", with_nvidia(3), {{"CUDA_VISIBLE_DEVICES", ""}}, {}, ""},
        {"AMD's variables say nothing to CUDA",
         with_nvidia(3),
         {{"HIP_VISIBLE_DEVICES", "0"}},
         {},
         "012"},
        {"Slurm gave fewer, unknown which", with_nvidia(3), {}, 2, "??"},
        {"Slurm gave what is there", with_nvidia(2), {}, 2, "01"},
        {"Slurm has more in its books", with_nvidia(2), {}, 8, "01"},
        {"the variable is more exact than Slurm",
         with_nvidia(3),
         {{"CUDA_VISIBLE_DEVICES", "1"}},
         3,
         "1"},
        {"NVIDIA before AMD", both, {}, {}, "01"},
        {"AMD", with_amd(2), {}, {}, "01"},
        {"AMD, where a driver of NVIDIA drives nothing",
         [] {
             auto f = with_amd(2);
             f.nvidia.emplace();
             return f;
         }(),
         {},
         {},
         "01"},
        {"HIP's variable", with_amd(4), {{"HIP_VISIBLE_DEVICES", "3,2"}}, {}, "32"},
        {"CUDA's on AMD", with_amd(4), {{"CUDA_VISIBLE_DEVICES", "1"}}, {}, "1"},
        {"HIP's before CUDA's",
         with_amd(4),
         {{"HIP_VISIBLE_DEVICES", "3"}, {"CUDA_VISIBLE_DEVICES", "1"}},
         {},
         "3"},
        {"ROCr numbers anew",
         with_amd(4),
         {{"ROCR_VISIBLE_DEVICES", "2,3"}, {"HIP_VISIBLE_DEVICES", "1"}},
         {},
         "3"},
        {"ROCr leaves too few",
         with_amd(4),
         {{"ROCR_VISIBLE_DEVICES", "2,3"}, {"HIP_VISIBLE_DEVICES", "2"}},
         {},
         ""},
        {"ROCr alone", with_amd(4), {{"ROCR_VISIBLE_DEVICES", "2,3"}}, 4, "23"},
        {"Slurm's on AMD", with_amd(4), {}, 1, "?"},
        {"nothing", nothing(), {}, {}, ""},
        {"device files", files, {}, {}, "???"},
        {"a variable is believed", nothing(), {{"CUDA_VISIBLE_DEVICES", "4,7"}}, {}, "??"},
        {"so is ROCr's", nothing(), {{"ROCR_VISIBLE_DEVICES", "4"}}, {}, "?"},
        {"so is Slurm", nothing(), {}, 2, "??"},
        {"all at once, as gres without AutoDetect sets them",
         nothing(),
         {{"CUDA_VISIBLE_DEVICES", "0,1"},
          {"ROCR_VISIBLE_DEVICES", "0,1"},
          {"ZE_AFFINITY_MASK", "0,1"}},
         2,
         "??"},
        {"a variable that hides device files", files, {{"CUDA_VISIBLE_DEVICES", "-1"}}, {}, ""},
        {"Slurm's number is of Intel's", with_intel(some(2)), {}, 2, ""},
        {"a driver without GPUs", idle_driver, {}, {}, ""},
    };
    for (const Sight& each : kCases) {
        const Visible seen = visible_gpus(each.environment, each.facts, each.slurm);
        EXPECT_EQ(buses(seen.gpus), each.buses) << each.what << ": " << seen.words;
        EXPECT_FALSE(seen.words.empty()) << each.what;
    }
}

TEST(VisibleXpus, are_tiles_unless_devices_are_asked_for) {
    const std::vector<Gpu> tiles = {nvidia(1), nvidia(1), nvidia(2), nvidia(2)};
    const std::pair<const std::string, std::string> composite{"ZE_FLAT_DEVICE_HIERARCHY",
                                                              "COMPOSITE"};
    const Sight kCases[] = {
        {"all", with_intel(tiles), {}, {}, "1122"},
        {"devices", with_intel(tiles), {composite}, {}, "12"},
        {"tiles by number", with_intel(tiles), {{"ZE_AFFINITY_MASK", "1,2"}}, {}, "12"},
        {"in Level Zero an empty mask hides nothing",
         with_intel(tiles),
         {{"ZE_AFFINITY_MASK", ""}},
         {},
         "1122"},
        {"a device", with_intel(tiles), {composite, {"ZE_AFFINITY_MASK", "1"}}, {}, "2"},
        {"tiles of one device are one",
         with_intel(tiles),
         {composite, {"ZE_AFFINITY_MASK", "0.0,0.1,1.0"}},
         {},
         "12"},
        {"tiles of a device", with_intel(tiles), {{"ZE_AFFINITY_MASK", "0.0,0.1"}}, {}, "??"},
        {"what is not there", with_intel(tiles), {{"ZE_AFFINITY_MASK", "0,9"}}, {}, "1"},
        {"one twice", with_intel(tiles), {{"ZE_AFFINITY_MASK", "0,0"}}, {}, "1"},
        {"believed", nothing(), {{"ZE_AFFINITY_MASK", "0,1"}}, {}, "??"},
        {"Slurm's", nothing(), {}, 3, "???"},
        {"Slurm's, but those are NVIDIA's", with_nvidia(3), {}, 3, ""},
        {"Slurm gave fewer", with_intel(tiles), {}, 1, "?"},
        {"none", nothing(), {}, {}, ""},
        {"only an integrated one", with_intel({nvidia(0)}, true), {}, {}, "0"},
    };
    for (const Sight& each : kCases) {
        const Visible seen = visible_xpus(each.environment, each.facts, each.slurm);
        EXPECT_EQ(buses(seen.gpus), each.buses) << each.what << ": " << seen.words;
    }
}

struct Sharing {
    const char* what;
    GpuFacts facts;
    Environment environment;
    DevicePerWorker two_workers;  // no values: an error
};

TEST(DevicePerWorker, is_an_entry_of_the_variable_that_the_nodes_devices_obey) {
    const Sharing kCases[] = {
        {"torchrun's rule",
         nothing(),
         {{"CUDA_VISIBLE_DEVICES", "4, 7"}},
         {"CUDA_VISIBLE_DEVICES", {"4", "7"}}},
        {"unset", with_nvidia(2), {}, {"CUDA_VISIBLE_DEVICES", {"0", "1"}}},
        {"names",
         with_nvidia(2),
         {{"CUDA_VISIBLE_DEVICES", "MIG-a,MIG-b,MIG-c"}},
         {"CUDA_VISIBLE_DEVICES", {"MIG-a", "MIG-b"}}},
        {"too short", nothing(), {{"CUDA_VISIBLE_DEVICES", "4"}}, {"CUDA_VISIBLE_DEVICES", {}}},
        {"hidden stays hidden",
         nothing(),
         {{"CUDA_VISIBLE_DEVICES", ""}},
         {"CUDA_VISIBLE_DEVICES", {"", ""}}},
        {"NVIDIA, and all variables at once",
         with_nvidia(2),
         {{"HIP_VISIBLE_DEVICES", "8,9"},
          {"CUDA_VISIBLE_DEVICES", "0,1"},
          {"ZE_AFFINITY_MASK", "8,9"}},
         {"CUDA_VISIBLE_DEVICES", {"0", "1"}}},
        {"AMD heeds CUDA's", with_amd(2), {}, {"CUDA_VISIBLE_DEVICES", {"0", "1"}}},
        {"AMD heeds HIP's first",
         with_amd(2),
         {{"HIP_VISIBLE_DEVICES", "1,0"}, {"CUDA_VISIBLE_DEVICES", "0,1"}},
         {"HIP_VISIBLE_DEVICES", {"1", "0"}}},
        {"ROCr numbers anew, so it is left alone",
         with_amd(4),
         {{"ROCR_VISIBLE_DEVICES", "2,3"}},
         {"CUDA_VISIBLE_DEVICES", {"0", "1"}}},
        {"Intel", with_intel(some(2)), {}, {"ZE_AFFINITY_MASK", {"0", "1"}}},
        {"Intel's tiles",
         with_intel(some(2)),
         {{"ZE_AFFINITY_MASK", "0.1,1.0"}},
         {"ZE_AFFINITY_MASK", {"0.1", "1.0"}}},
        {"Intel, nothing hidden",
         with_intel(some(2)),
         {{"ZE_AFFINITY_MASK", ""}},
         {"ZE_AFFINITY_MASK", {"0", "1"}}},
        {"an integrated GPU is no reason",
         with_intel(some(1), true),
         {},
         {"CUDA_VISIBLE_DEVICES", {"0", "1"}}},
        {"nothing seen, but a mask",
         nothing(),
         {{"ZE_AFFINITY_MASK", "5,6"}},
         {"ZE_AFFINITY_MASK", {"5", "6"}}},
    };
    for (const Sharing& each : kCases) {
        const auto share = device_per_worker(each.environment, each.facts, 2);
        if (each.two_workers.values.empty()) {
            EXPECT_FALSE(share) << each.what;
        } else {
            ASSERT_TRUE(share) << each.what << ": " << share.error().text();
            EXPECT_EQ(*share, each.two_workers) << each.what << ": " << share->variable;
        }
    }
    EXPECT_EQ(device_per_worker({{"CUDA_VISIBLE_DEVICES", "4,7"}}, nothing(), 3).error().text(),
              "--virtual-local-rank: CUDA_VISIBLE_DEVICES='4,7' names 2 devices for 3 workers: "
              "name one for each, or lower --nproc-per-node");
}

}  // namespace
}  // namespace torchelastic::hardware
