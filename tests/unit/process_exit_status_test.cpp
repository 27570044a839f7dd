#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "process/exit_status.h"

namespace torchelastic::process {
namespace {

struct Row {
    ExitStatus status;
    int code;
    int torchrun_code;
    const char* words;
};

const Row kRows[] = {
    {ExitStatus::exited(0), 0, 0, "exit code 0"},
    {ExitStatus::exited(37), 37, 37, "exit code 37"},
    {ExitStatus::exited(255), 255, 255, "exit code 255"},
    {ExitStatus::killed_by(SIGKILL), 137, -9, "signal 9 (SIGKILL)"},
    {ExitStatus::killed_by(SIGSEGV, true), 139, -11, "signal 11 (SIGSEGV), core dumped"},
    {ExitStatus::killed_by(SIGRTMIN + 3), 128 + SIGRTMIN + 3, -SIGRTMIN - 3,
     "signal 37 (SIGRTMIN+3)"},
    {ExitStatus::killed_by(33), 161, -33, "signal 33"},
};

TEST(ExitStatus, speaks_to_shells_to_torchrun_and_to_people) {
    for (const Row& row : kRows) {
        EXPECT_EQ(row.status.code(), row.code) << row.words;
        EXPECT_EQ(row.status.torchrun_code(), row.torchrun_code) << row.words;
        EXPECT_EQ(row.status.words(), row.words);
        EXPECT_EQ(row.status.success(), row.code == 0) << row.words;
    }
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
