// Telling programs by a signal: who listens, and who is spared.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "process/notify.h"

namespace torchelastic::process {
namespace {

TEST(Notify, reads_the_masks_of_a_status) {
    const std::string status =
        "Name:\tpython3\nSigPnd:\t0000000000000000\nSigBlk:\t0000000000000800\n"
        "SigIgn:\t0000000001001000\nSigCgt:\t0000000000000202\n";
    EXPECT_TRUE(listens(status, SIGUSR1)) << "a handler";
    EXPECT_TRUE(listens(status, SIGINT));
    EXPECT_TRUE(listens(status, SIGUSR2)) << "held back, to wait for it";
    EXPECT_FALSE(listens(status, SIGTERM)) << "would end it";
    EXPECT_FALSE(listens(status, SIGPIPE)) << "is ignored";
    EXPECT_FALSE(listens("\nSigBlk:\tfffffffe7ffbfeff\nSigCgt:\t0000000000000000\n", SIGUSR1))
        << "just making a process";
    for (const char* broken : {"", "Name:\tx\n", "\nSigCgt:", "\nSigCgt:\tzz\n", "\nSigCgt:\t"})
        EXPECT_FALSE(listens(broken, SIGUSR1)) << broken;
}

/// A shell that runs these lines, until it is destroyed; what it writes can be awaited.
class Shell {
public:
    explicit Shell(const std::string& lines) {
        int ends[2];
        if (::pipe(ends) != 0) throw std::runtime_error("pipe");
        pid_ = ::fork();
        if (pid_ == 0) {
            ::setpgid(0, 0);
            ::dup2(ends[1], 1);
            ::execl("/bin/sh", "sh", "-c", lines.c_str(), nullptr);
            ::_exit(127);
        }
        ::setpgid(pid_, pid_);
        ::close(ends[1]);
        out_ = ends[0];
    }
    ~Shell() {
        ::kill(-pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        ::close(out_);
    }
    Shell(const Shell&) = delete;
    Shell& operator=(const Shell&) = delete;

    pid_t pid() const { return pid_; }
    std::string line() const {
        std::string text;
        for (char c = 0; ::read(out_, &c, 1) == 1 && c != '\n';)
            text += c;
        return text;
    }

private:
    pid_t pid_ = 0;
    int out_ = -1;
};

constexpr const char* kListener = "trap 'echo told' USR1; echo ready; while :; do sleep 0.01; done";

TEST(Notify, tells_a_program_that_listens) {
    const Shell shell(kListener);
    EXPECT_EQ(shell.line(), "ready");
    EXPECT_EQ(notify_tree(shell.pid(), SIGUSR1), 1);
    EXPECT_EQ(shell.line(), "told");
}

TEST(Notify, spares_a_program_that_would_die_of_it) {
    const Shell shell("echo ready; while :; do sleep 0.01; done");
    EXPECT_EQ(shell.line(), "ready");
    EXPECT_EQ(notify_tree(shell.pid(), SIGUSR1), 0);
    EXPECT_EQ(::kill(shell.pid(), 0), 0);
    int status = 0;
    EXPECT_EQ(::waitpid(shell.pid(), &status, WNOHANG), 0);
}

TEST(Notify, finds_the_program_within_a_shell_and_not_the_helpers_below_it) {
    const Shell shell(
        std::string("sh -c \"trap 'echo told' USR1; (trap 'echo helper' USR1; echo; "
                    "while :; do sleep 0.01; done) & read -r _ </dev/null; echo ready; "
                    "while :; do sleep 0.01; done\"; :"));
    EXPECT_EQ(shell.line() + shell.line(), "ready");
    EXPECT_EQ(notify_tree(shell.pid(), SIGUSR1), 1);
    EXPECT_EQ(shell.line(), "told");
}

TEST(Notify, tells_nobody_where_nobody_is) {
    EXPECT_EQ(notify_tree(0x3FFFFFFF, SIGUSR1), 0);
}

}  // namespace
}  // namespace torchelastic::process
