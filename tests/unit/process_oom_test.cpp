// What cgroups and the kernel's log say of processes that were killed for lack of memory, on
// recorded texts.
#include <unistd.h>

#include <csignal>

#include <gtest/gtest.h>

#include "process/oom.h"
#include "process/oom_watch.h"

namespace torchelastic::process {
namespace {

constexpr const char* kUnified = "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n";
constexpr const char* kHybrid =
    "9:name=systemd:/\n"
    "5:devices:/\n"
    "4:memory:/slurm/uid_1000/job_7/step_0\n"
    "1:cpu,cpuacct:/\n"
    "0::/\n";
constexpr const char* kWithoutMemory = "3:cpuset:/\n1:cpu:/a:b\n";

TEST(MemoryCgroup, is_found_in_either_version) {
    EXPECT_EQ(memory_cgroup(kUnified),
              (MemoryCgroup{true, "/system.slice/slurmstepd.scope/job_7/step_0/user/task_0"}));
    EXPECT_EQ(memory_cgroup(kHybrid), (MemoryCgroup{false, "/slurm/uid_1000/job_7/step_0"}));
    EXPECT_EQ(memory_cgroup("2:hugetlb,memory:/a:b\n"), (MemoryCgroup{false, "/a:b"}));
    for (const char* text : {"", kWithoutMemory, "\n\n", "0:", "0::", "::::", "memory"})
        EXPECT_FALSE(memory_cgroup(text)) << text;
}

TEST(MemoryCgroup, has_folders_from_its_own_up_to_the_root) {
    using Paths = std::vector<std::string>;
    EXPECT_EQ(folders({true, "/a/b"}),
              (Paths{"/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"}));
    EXPECT_EQ(folders({false, "/a"}), (Paths{"/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/memory"}));
    EXPECT_EQ(folders({true, "/"}), Paths{"/sys/fs/cgroup"});
}

TEST(OomKills, are_counted_by_both_versions) {
    EXPECT_EQ(oom_kills("low 0\nhigh 0\nmax 1304\noom 3\noom_kill 2\noom_group_kill 0\n"), 2U);
    EXPECT_EQ(oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), 1U);
    // Before Linux 4.13 nothing was counted.
    EXPECT_FALSE(oom_kills("oom_kill_disable 0\nunder_oom 0\n"));
    for (const char* text : {"", "oom_kill", "oom_kill \n", "oom_kill x", "oom_kill -1"})
        EXPECT_FALSE(oom_kills(text)) << text;
}

TEST(MemoryLimit, is_none_where_there_is_none) {
    EXPECT_EQ(memory_limit("67108864\n"), 64U << 20);
    for (const char* text : {"max\n", "9223372036854771712\n", "", "-1", "x"})
        EXPECT_FALSE(memory_limit(text)) << text;
}

TEST(KernelLog, names_whom_it_killed) {
    const char* log =
        "<6>[10959.423] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,"
        "mems_allowed=0,oom_memcg=/oomt,task_memcg=/oomt,task=python3,pid=26348,uid=0\n"
        "<3>[10959.424] Memory cgroup out of memory: Killed process 26348 (python3) "
        "total-vm:79608kB, anon-rss:68096kB, file-rss:5360kB, shmem-rss:0kB, UID:0\n"
        "<3>[11000.001] Out of memory: Killed process 777 (python3) total-vm:1kB\n"
        "<3>[11001.001] Out of memory: Kill process 555 (a) score 999 or sacrifice child\n"
        "<3>[11001.002] Killed process 556 (b) total-vm:1kB\n";
    for (const pid_t pid : {26348, 777, 556})
        EXPECT_TRUE(tells_of_oom_kill(log, pid)) << pid;
    for (const pid_t pid : {2634, 6348, 77, 555, 0})
        EXPECT_FALSE(tells_of_oom_kill(log, pid)) << pid;
    EXPECT_FALSE(tells_of_oom_kill("", 777));
}

TEST(OutOfMemory, is_told_with_the_limit) {
    EXPECT_EQ(out_of_memory(std::nullopt), "out of memory");
    EXPECT_EQ(out_of_memory(64U << 20), "out of memory (limit of the cgroup 64 MiB)");
    EXPECT_EQ(out_of_memory(3ULL << 29), "out of memory (limit of the cgroup 1.5 GiB)");
    EXPECT_EQ(out_of_memory(4096), "out of memory (limit of the cgroup 4 KiB)");
}

TEST(OomWatch, has_nothing_to_say_where_nothing_was_killed) {
    OomWatch watch;
    EXPECT_EQ(watch.verdict(std::nullopt), "");
    watch.begin();
    EXPECT_EQ(watch.verdict(std::nullopt), "");
    EXPECT_EQ(watch.verdict(::getpid()), "");
    watch.begin();
    EXPECT_EQ(watch.verdict(::getpid()), "");
}

}  // namespace
}  // namespace torchelastic::process
