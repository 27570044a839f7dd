// Quotas of CPU time in trees of cgroups.
#include <gtest/gtest.h>

#include "hardware/cpu_quota.h"
#include "hardware/look.h"
#include "hardware_tree.h"

namespace torchelastic::hardware {
namespace {

constexpr const char* kV2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
constexpr const char* kV1 =
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 master:2 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n";

struct Quota {
    const char* what;
    const char* mounts;
    const char* cgroup;
    std::vector<std::pair<const char*, const char*>> files;  // below /sys/fs/cgroup
    std::optional<std::size_t> cpus;
};

TEST(CpuQuota, is_the_tightest_on_the_way_up) {
    const Quota kCases[] = {
        {"no cgroups at all", "", "", {}, {}},
        {"no quota",
         kV2,
         "0::/a/b\n",
         {{"/a/cpu.max", "max 100000"}, {"/a/b/cpu.max", "max 100000"}},
         {}},
        {"the own", kV2, "0::/a/b\n", {{"/a/b/cpu.max", "300000 100000"}}, 3},
        {"an ancestor's",
         kV2,
         "0::/a/b\n",
         {{"/a/cpu.max", "200000 100000"}, {"/a/b/cpu.max", "max 100000"}},
         2},
        {"the tighter of two",
         kV2,
         "0::/a/b\n",
         {{"/a/cpu.max", "800000 100000"}, {"/a/b/cpu.max", "150000 50000"}},
         3},
        {"rounded up", kV2, "0::/a\n", {{"/a/cpu.max", "110000 100000"}}, 2},
        {"at least one", kV2, "0::/a\n", {{"/a/cpu.max", "1000 100000"}}, 1},
        {"of a namespace's root", kV2, "0::/\n", {{"/cpu.max", "250000 100000"}}, 3},
        {"a sibling's does not count", kV2, "0::/a\n", {{"/b/cpu.max", "100000 100000"}}, {}},
        {"a container that sees its own part only",
         "30 24 0:26 /docker/7 /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n",
         "0::/docker/7/x\n",
         {{"/x/cpu.max", "200000 100000"}, {"/cpu.max", "400000 100000"}},
         2},
        {"a cgroup outside of what is mounted",
         "30 24 0:26 /docker/7 /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n",
         "0::/other\n",
         {{"/cpu.max", "400000 100000"}},
         4},
        {"version 1",
         kV1,
         "4:cpu,cpuacct:/slurm/job_1\n3:cpuset:/x\n0::/y\n",
         {{"/cpu,cpuacct/slurm/job_1/cpu.cfs_quota_us", "150000"},
          {"/cpu,cpuacct/slurm/job_1/cpu.cfs_period_us", "100000"}},
         2},
        {"version 1 without one",
         kV1,
         "4:cpu,cpuacct:/slurm\n",
         {{"/cpu,cpuacct/slurm/cpu.cfs_quota_us", "-1"},
          {"/cpu,cpuacct/slurm/cpu.cfs_period_us", "100000"}},
         {}},
        {"both versions, as systemd's hybrid has them",
         "31 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n41 31 0:38 / "
         "/sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
         "1:cpu:/a\n0::/b\n",
         {{"/cpu/a/cpu.cfs_quota_us", "500000"},
          {"/cpu/a/cpu.cfs_period_us", "100000"},
          {"/unified/b/cpu.max", "400000 100000"}},
         4},
        {"nonsense", kV2, "0::/a\n", {{"/a/cpu.max", "lots of it"}}, {}},
        {"nothing", kV2, "0::/a\n", {{"/a/cpu.max", ""}}, {}},
        {"a broken list of cgroups", kV2, "0\n::\n", {{"/cpu.max", "100000 100000"}}, {}},
    };
    for (const Quota& each : kCases) {
        Tree tree;
        tree.file("/proc/self/mountinfo", each.mounts);
        tree.file("/proc/self/cgroup", each.cgroup);
        for (const auto& [path, text] : each.files)
            tree.file(std::string("/sys/fs/cgroup") + path, std::string(text) + "\n");
        EXPECT_EQ(quota_cpus(tree.root()), each.cpus) << each.what;
    }
}

TEST(CpuFacts, are_bounded_by_affinity_and_quota) {
    EXPECT_EQ((CpuFacts{8, std::nullopt}.usable()), 8U);
    EXPECT_EQ((CpuFacts{8, 3}.usable()), 3U);
    EXPECT_EQ((CpuFacts{2, 3}.usable()), 2U);
    EXPECT_GE(look_at_cpus().usable(), 1U);
    EXPECT_EQ(own_cpus().size(), look_at_cpus().affinity);
}

}  // namespace
}  // namespace torchelastic::hardware
