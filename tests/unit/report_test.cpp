// The failure report, word for word.
#include <csignal>
#include <cstdlib>

#include <gtest/gtest.h>

#include "report/failure_report.h"

namespace torchelastic::report {
namespace {

using coordinator::WorkerFailure;

WorkerFailure failure(const char* node, int rank, int local_rank) {
    WorkerFailure made{.agent = node, .local_rank = local_rank, .rank = rank, .pid = 4000 + rank};
    made.time_us = 1795159676123456;
    return made;
}

class Report : public testing::Test {
protected:
    void SetUp() override {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
    }
};

TEST_F(Report, names_the_cause_first_and_the_victims_in_one_line) {
    WorkerFailure cause = failure("n2", 3, 1);
    cause.exit_code = 37;
    std::vector<WorkerFailure> failures{cause};
    for (const int rank : {0, 1, 2, 5}) {
        failures.push_back(failure("n1", rank, 0));
        failures.back().signal = SIGTERM;
        failures.back().ordered = true;
    }
    EXPECT_EQ(failure_report("train.py", failures),
              "\n"
              "============================================================\n"
              "train.py FAILED\n"
              "------------------------------------------------------------\n"
              "Root Cause (first observed failure):\n"
              "[0]:\n"
              "  time      : 2026-11-20_07:27:56.123\n"
              "  host      : n2\n"
              "  rank      : 3 (local_rank: 1)\n"
              "  exitcode  : 37 (pid: 4003)\n"
              "  error_file: <N/A>\n"
              "  traceback : To enable traceback see: "
              "https://pytorch.org/docs/stable/elastic/errors.html\n"
              "------------------------------------------------------------\n"
              "Other Failures:\n"
              "  <NO_OTHER_FAILURES>\n"
              "  (ranks 0-2, 5 stopped on its account)\n"
              "============================================================\n");
}

TEST_F(Report, shows_signals_tracebacks_and_a_second_independent_failure) {
    WorkerFailure cause = failure("n2", 3, 1);
    cause.signal = SIGSEGV;
    WorkerFailure second = failure("n3", 4, 0);
    second.exit_code = 1;
    second.error_file = "/tmp/e.json";
    second.message = "ValueError: boom";
    second.traceback =
        "Traceback (most recent call last):\n  File \"x\"\nValueError: \x1b[2Jboom\n";
    const std::string text = failure_report("train.py", {cause, second});
    EXPECT_NE(text.find("  exitcode  : -11 (pid: 4003) (SIGSEGV: invalid memory reference)\n"),
              std::string::npos);
    EXPECT_NE(text.find("  traceback : Signal 11 (SIGSEGV) received by PID 4003\n"),
              std::string::npos);
    EXPECT_NE(text.find("Other Failures:\n[1]:\n"), std::string::npos);
    EXPECT_NE(text.find("  traceback : Traceback (most recent call last):\n"
                        "    File \"x\"\n  ValueError: \\x1b[2Jboom\n"),
              std::string::npos);
}

TEST_F(Report, tells_what_the_node_knows_beyond_torchruns_fields) {
    WorkerFailure cause = failure("n2", 3, 1);
    cause.signal = SIGKILL;
    cause.out_of_memory = "out of memory (limit of the cgroup 64 MiB)";
    cause.raised_s = cause.time_us / 1000000 - 40;
    cause.stderr_file = "/l/stderr.log";
    cause.stderr_end = "loading \x1b[1mall\n  data";
    const std::string text = failure_report("train.py", {cause});
    EXPECT_NE(text.find("  time      : 2026-11-20_07:27:56.123 (raised at 07:27:16)\n"
                        "  host      : n2\n"
                        "  rank      : 3 (local_rank: 1)\n"
                        "  exitcode  : -9 (pid: 4003) (SIGKILL: killed by the kernel: out of "
                        "memory (limit of the cgroup 64 MiB))\n"
                        "  error_file: <N/A>\n"
                        "  traceback : Signal 9 (SIGKILL) received by PID 4003\n"
                        "  stderr    : the end of /l/stderr.log:\n"
                        "    loading \\x1b[1mall\n"
                        "      data\n"
                        "---"),
              std::string::npos)
        << text;
}

TEST_F(Report, shows_a_traceback_once) {
    WorkerFailure cause = failure("n2", 3, 1);
    cause.traceback = "Traceback (most recent call last):\n  File \"x\"\nValueError: boom\n";
    cause.stderr_file = "/l/stderr.log";
    cause.stderr_end =
        "reading\nTraceback (most recent call last):\n  main()\n  File \"x\"\nValueError: boom";
    std::string text = failure_report("train.py", {cause});
    EXPECT_NE(text.find("  ValueError: boom\n"
                        "  stderr    : the end of /l/stderr.log, before the traceback:\n"
                        "    reading\n---"),
              std::string::npos)
        << text;
    cause.stderr_end = cause.stderr_end.substr(8);
    text = failure_report("train.py", {cause});
    EXPECT_EQ(text.find("stderr"), std::string::npos) << text;
    cause.stderr_end = "ValueError: boom";
    text = failure_report("train.py", {cause});
    EXPECT_NE(text.find("the end of /l/stderr.log:\n    ValueError: boom\n"), std::string::npos)
        << text;
}

TEST(Describe, says_in_one_line_who_failed_and_how) {
    WorkerFailure cause = failure("n2", 3, 1);
    cause.exit_code = 37;
    const std::string who = "rank 3 (node n2, local rank 1, pid 4003) failed: ";
    EXPECT_EQ(describe(cause), who + "exit code 37");
    cause.signal = SIGKILL;
    EXPECT_EQ(describe(cause), who + "killed by SIGKILL");
    cause.out_of_memory = "out of memory";
    EXPECT_EQ(describe(cause), who + "killed by the kernel (SIGKILL): out of memory");
    cause.signal = SIGBUS;
    cause.dumped_core = true;
    EXPECT_EQ(describe(cause), who +
                                   "killed by SIGBUS: memory without a file behind it, as where "
                                   "/dev/shm is full, core dumped");
}

TEST_F(Report, tells_of_another_process_that_the_kernel_killed) {
    WorkerFailure cause = failure("n2", 3, 1);
    cause.exit_code = 1;
    cause.out_of_memory = "out of memory";
    const std::string text = failure_report("train.py", {cause});
    EXPECT_NE(text.find("  memory    : the kernel killed a process of this node's job: "
                        "out of memory\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("  exitcode  : 1 (pid: 4003)\n"), std::string::npos) << text;
}

TEST_F(Report, says_that_core_was_dumped_and_that_nothing_was_started) {
    WorkerFailure cause = failure("n2", 3, 1);
    cause.signal = SIGSEGV;
    cause.dumped_core = true;
    EXPECT_NE(failure_report("x", {cause})
                  .find("(pid: 4003) (SIGSEGV: invalid memory reference, core dumped)\n"),
              std::string::npos);
    cause.signal = SIGUSR1;
    EXPECT_NE(failure_report("x", {cause}).find("(pid: 4003) (SIGUSR1: core dumped)\n"),
              std::string::npos);
    WorkerFailure never = failure("n2", 3, 1);
    never.pid = 0;
    never.never_started = true;
    never.message = "start x: no such file or directory";
    const std::string text = failure_report("x", {never});
    EXPECT_NE(text.find("  exitcode  : 127 (pid: 0) (never started)\n"), std::string::npos) << text;
    EXPECT_NE(text.find("  traceback : start x: no such file or directory\n"), std::string::npos);
}

TEST_F(Report, is_empty_without_failures) {
    EXPECT_EQ(failure_report("train.py", {}), "");
}

TEST(RankRanges, join_neighbours) {
    EXPECT_EQ(rank_ranges({11, 0, 2, 1, 4, 10}), "0-2, 4, 10-11");
    EXPECT_EQ(rank_ranges({3, 3}), "3");
}

}  // namespace
}  // namespace torchelastic::report
