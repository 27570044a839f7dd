#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "process/exit_status.h"

namespace torchelastic::process {
namespace {

struct Row {
    const char* what;
    ExitStatus status;
    int code;
    int torchrun_code;
};

const Row kRows[] = {
    {"success", ExitStatus::exited(0), 0, 0},
    {"a code", ExitStatus::exited(37), 37, 37},
    {"the greatest code", ExitStatus::exited(255), 255, 255},
    {"SIGKILL", ExitStatus::killed_by(SIGKILL), 137, -9},
    {"a real-time signal", ExitStatus::killed_by(SIGRTMIN + 3), 128 + SIGRTMIN + 3, -SIGRTMIN - 3},
};

TEST(ExitStatus, speaks_to_shells_and_to_torchrun) {
    for (const Row& row : kRows) {
        EXPECT_EQ(row.status.code(), row.code) << row.what;
        EXPECT_EQ(row.status.torchrun_code(), row.torchrun_code) << row.what;
        EXPECT_EQ(row.status.success(), row.code == 0) << row.what;
    }
}

TEST(ExitStatus, knows_whether_core_was_dumped) {
    constexpr int kDumped = 0x80;
    EXPECT_TRUE(ExitStatus::from_wait(SIGSEGV | kDumped).dumped_core());
    EXPECT_FALSE(ExitStatus::from_wait(SIGSEGV).dumped_core());
    EXPECT_FALSE(ExitStatus::exited(3).dumped_core());
    siginfo_t info = {};
    info.si_status = SIGSEGV;
    info.si_code = CLD_DUMPED;
    EXPECT_EQ(ExitStatus::from_waitid(info), ExitStatus::killed_by(SIGSEGV, true));
    info.si_code = CLD_KILLED;
    EXPECT_EQ(ExitStatus::from_waitid(info), ExitStatus::killed_by(SIGSEGV));
}

TEST(ExitStatus, reads_what_wait_and_waitid_say) {
    for (const int how : {0, 3, 255, -SIGTERM, -SIGKILL}) {
        const pid_t pid = ::fork();
        if (pid == 0) {
            if (how < 0) ::kill(::getpid(), -how);
            ::_exit(how);
        }
        siginfo_t info = {};
        ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
        int status = 0;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        EXPECT_EQ(ExitStatus::from_wait(status).torchrun_code(), how);
        EXPECT_EQ(ExitStatus::from_waitid(info), ExitStatus::from_wait(status));
    }
}

}  // namespace
}  // namespace torchelastic::process
