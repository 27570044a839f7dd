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
    EXPECT_NE(text.find("  exitcode  : -11 (pid: 4003) (SIGSEGV)\n"), std::string::npos);
    EXPECT_NE(text.find("  traceback : Signal 11 (SIGSEGV) received by PID 4003\n"),
              std::string::npos);
    EXPECT_NE(text.find("Other Failures:\n[1]:\n"), std::string::npos);
    EXPECT_NE(text.find("  traceback : Traceback (most recent call last):\n"
                        "    File \"x\"\n  ValueError: \\x1b[2Jboom\n"),
              std::string::npos);
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
