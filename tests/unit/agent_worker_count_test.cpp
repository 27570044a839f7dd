// --nproc-per-node, decided by what a node has.
#include <gtest/gtest.h>

#include "agent/worker_count.h"

namespace torchelastic::agent {
namespace {

using From = options::WorkersPerNode::From;
using hardware::Gpu;

CountFacts node(std::size_t nvidia, std::size_t intel = 0) {
    CountFacts facts{.cpus = {.affinity = 6}};
    facts.gpus.no_nvml = "no library";
    if (nvidia > 0) facts.gpus.nvidia.emplace(nvidia);
    facts.gpus.intel.resize(intel);
    return facts;
}

CountFacts with_quota(CountFacts facts, std::size_t quota) {
    facts.cpus.quota = quota;
    return facts;
}

CountFacts with_slurm(CountFacts facts, std::size_t gpus) {
    facts.slurm_gpus = gpus;
    return facts;
}

CountFacts integrated() {
    CountFacts facts = node(0, 1);
    facts.gpus.intel_integrated = true;
    return facts;
}

TEST(WorkerCount, follows_what_was_asked_and_what_is_there) {
    const hardware::Environment two = {{"CUDA_VISIBLE_DEVICES", "0,1"}};
    const hardware::Environment none = {{"CUDA_VISIBLE_DEVICES", ""}};
    const struct {
        const char* what;
        options::WorkersPerNode asked;
        CountFacts facts;
        hardware::Environment environment;
        int expected;  // 0: an error
    } kCases[] = {
        {"a number", {From::number, 7}, node(2), {}, 7},
        {"gpu", {From::devices}, node(8), {}, 8},
        {"gpu, of which some are visible", {From::devices}, node(8), two, 2},
        {"gpu, of which none is visible", {From::devices}, node(8), none, 0},
        {"gpu, and Slurm gave some", {From::devices}, with_slurm(node(8), 3), {}, 3},
        {"gpu, and Slurm gave none", {From::devices}, with_slurm(node(8), 0), {}, 0},
        {"gpu without any", {From::devices}, node(0), {}, 0},
        {"gpu, but Intel's", {From::devices}, node(0, 4), {}, 0},
        {"xpu", {From::xpu}, node(0, 4), {}, 4},
        {"xpu, integrated", {From::xpu}, integrated(), {}, 1},
        {"xpu, but NVIDIA's", {From::xpu}, node(4), {}, 0},
        {"auto with GPUs", {From::automatic}, node(4), {}, 4},
        {"auto with Intel's", {From::automatic}, node(0, 3), {}, 3},
        {"auto with an integrated one", {From::automatic}, integrated(), {}, 6},
        {"auto with both", {From::automatic}, node(2, 3), {}, 2},
        {"auto with hidden GPUs", {From::automatic}, node(4), none, 6},
        {"auto with less time than CPUs", {From::automatic}, with_quota(node(0), 2), {}, 2},
        {"cpu", {From::cpus}, node(4), {}, 6},
        {"cpu with less time than CPUs", {From::cpus}, with_quota(node(0), 2), {}, 2},
        {"cpu with more time than CPUs", {From::cpus}, with_quota(node(0), 64), {}, 6},
    };
    for (const auto& each : kCases) {
        const auto counted = worker_count(each.asked, each.environment, each.facts);
        EXPECT_EQ(counted ? counted->workers : 0, each.expected) << each.what;
        if (counted && each.asked.from != From::number) {
            EXPECT_TRUE(counted->reason.starts_with("--nproc-per-node=")) << counted->reason;
        }
    }
}

TEST(WorkerCount, says_how_it_came_about) {
    EXPECT_EQ(worker_count({From::devices}, {{"CUDA_VISIBLE_DEVICES", "2,3"}}, node(8))->reason,
              "--nproc-per-node=gpu: 2 workers for 2 GPUs (NVML lists 8, "
              "CUDA_VISIBLE_DEVICES='2,3')");
    EXPECT_EQ(worker_count({From::cpus}, {}, with_quota(node(0), 2))->reason,
              "--nproc-per-node=cpu: 2 workers for as many CPUs (the affinity mask allows 6, the "
              "cgroup's quota 2)");
}

TEST(WorkerCount, says_what_was_looked_at_where_there_is_nothing) {
    EXPECT_EQ(worker_count({From::devices}, {}, node(0)).error().text(),
              "--nproc-per-node=gpu: no GPU here for this job: no NVML (no library); no AMD GPU in "
              "/sys/class/kfd; no /dev/nvidia0. Ask Slurm for some (--gpus, --gpus-per-node), or "
              "give a number");
    EXPECT_EQ(
        worker_count({From::devices}, {{"CUDA_VISIBLE_DEVICES", "-1"}}, node(2)).error().text(),
        "--nproc-per-node=gpu: no GPU here for this job: NVML lists 2, "
        "CUDA_VISIBLE_DEVICES='-1'. Ask Slurm for some (--gpus, --gpus-per-node), or give a "
        "number");
    EXPECT_TRUE(worker_count({From::devices}, {}, node(0, 2))
                    .error()
                    .text()
                    .ends_with("There are 2 of Intel: --nproc-per-node=xpu counts these"));
    EXPECT_TRUE(worker_count({From::xpu}, {}, node(2))
                    .error()
                    .text()
                    .starts_with("--nproc-per-node=xpu: no Intel GPU here for this job: "));
}

}  // namespace
}  // namespace torchelastic::agent
