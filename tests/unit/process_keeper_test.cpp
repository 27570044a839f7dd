#include <pty.h>

#include "base/signal_name.h"
#include "process/exit_status.h"
#include "process/group.h"
#include "process/keeper.h"
#include "process_fixture.h"

namespace torchelastic::process {
namespace {

using std::chrono::milliseconds;

/// Runs an agent under a keeper, both below the test, which adopts and so can await them.
class Kept {
public:
    explicit Kept(const std::function<int()>& agent) {
        ::prctl(PR_SET_CHILD_SUBREAPER, 1);
        keeper_ = ::fork();
        if (keeper_ == 0) ::_exit(run_under_keeper(agent));
    }

    pid_t keeper() const { return keeper_; }

    static ExitStatus await(pid_t pid) {
        int status = 0;
        EXPECT_EQ(::waitpid(pid, &status, 0), pid);
        return ExitStatus::from_wait(status);
    }

private:
    pid_t keeper_;
};

struct Family {
    pid_t agent;
    pid_t worker;
    pid_t loader;  ///< the worker's child
    pid_t daemon;  ///< forked twice, in a session of its own, deaf to SIGTERM and SIGHUP
};

/// What an agent does here: workers with children and daemons; then `then`.
std::function<int()> agent_with_family(Ready& ready, const std::function<void()>& then) {
    return [&ready, then] {
        sigset_t usr1;
        ::sigemptyset(&usr1);
        ::sigaddset(&usr1, SIGUSR1);
        ::sigprocmask(SIG_BLOCK, &usr1, nullptr);
        World world;
        std::string script =
            "echo $PPID; echo $$; sh -c 'echo $$; exec sleep 1000' & wait_for=$!; "
            "(setsid sh -c 'trap \"\" TERM HUP; sleep 0; echo $$; exec sleep 1000' &); "
            "wait $wait_for";
        const auto group =
            Group::start(world.loop, *world.reaper, {{0, shell(script), ready.stdio()}}, {});
        if (!group) return 99;
        then();
        return 98;
    };
}

/// Until it is killed. A signal that is not the keeper's death ends a pause, too: a keeper with two
/// threads (TSan's) says so as each of them dies, and the first time it still lives.
[[noreturn]] void wait_for_ever() {
    for (;;)
        ::pause();
}

/// Reads the pids, whose last two come in any order.
Family family_of(Ready& ready) {
    Family family{};
    family.agent = ready.pid();
    family.worker = ready.pid();
    family.loader = ready.pid();
    family.daemon = ready.pid();
    return family;
}

void expect_gone(const Family& family) {
    EXPECT_TRUE(gone(family.worker)) << "the worker";
    EXPECT_TRUE(gone(family.loader)) << "its child or the daemon";
    EXPECT_TRUE(gone(family.daemon)) << "its child or the daemon";
}

TEST(Keeper, exits_with_the_agents_code) {
    EXPECT_EQ(Kept::await(Kept([] { return 0; }).keeper()), ExitStatus::exited(0));
    EXPECT_EQ(Kept::await(Kept([] { return 37; }).keeper()), ExitStatus::exited(37));
    const Kept killed([] { return ::kill(::getpid(), SIGTERM); });
    EXPECT_EQ(Kept::await(killed.keeper()), ExitStatus::exited(143));
}

TEST(Keeper, leaves_no_descendant_of_an_agent_that_is_killed) {
    Ready ready;
    const Kept kept(agent_with_family(ready, wait_for_ever));
    const Family family = family_of(ready);
    ::kill(family.agent, SIGKILL);
    EXPECT_EQ(Kept::await(kept.keeper()), ExitStatus::exited(137));
    EXPECT_TRUE(gone(family.agent));
    expect_gone(family);
}

TEST(Keeper, leaves_no_descendant_of_an_agent_that_exits_without_a_word) {
    Ready ready;
    const Kept kept(agent_with_family(ready, [] {
        sigset_t usr1;
        ::sigemptyset(&usr1);
        ::sigaddset(&usr1, SIGUSR1);
        ::sigwaitinfo(&usr1, nullptr);
        ::_exit(5);
    }));
    const Family family = family_of(ready);
    ::kill(kept.keeper(), SIGUSR1);
    EXPECT_EQ(Kept::await(kept.keeper()), ExitStatus::exited(5));
    expect_gone(family);
}

TEST(Keeper, that_is_killed_takes_the_tree_with_it) {
    Ready ready;
    const Kept kept(agent_with_family(ready, wait_for_ever));
    const Family family = family_of(ready);
    ::kill(kept.keeper(), SIGKILL);
    EXPECT_EQ(Kept::await(kept.keeper()), ExitStatus::killed_by(SIGKILL));
    EXPECT_EQ(Kept::await(family.agent), ExitStatus::exited(137));
    expect_gone(family);
}

TEST(Keeper, is_not_believed_dead_on_somebody_elses_word) {
    Ready ready;
    const Kept kept(agent_with_family(ready, [] {
        sigset_t usr1;
        ::sigemptyset(&usr1);
        ::sigaddset(&usr1, SIGUSR1);
        ::sigprocmask(SIG_BLOCK, &usr1, nullptr);
        int signal = 0;
        while (::sigwait(&usr1, &signal) != 0)
            continue;
        ::_exit(5);
    }));
    const Family family = family_of(ready);
    ::kill(family.agent, SIGRTMAX);
    ::kill(kept.keeper(), SIGRTMAX);
    ::kill(kept.keeper(), SIGUSR1);
    EXPECT_EQ(Kept::await(kept.keeper()), ExitStatus::exited(5));
    expect_gone(family);
}

#ifndef __SANITIZE_THREAD__  // which delivers no signal to a loop without system calls
TEST(Keeper, that_is_killed_takes_the_tree_of_an_agent_with_it_that_is_busy) {
    Ready ready;
    const Kept kept(agent_with_family(ready, [] {
        sigset_t all;
        ::sigfillset(&all);
        ::sigdelset(&all, SIGRTMAX);
        ::sigprocmask(SIG_BLOCK, &all, nullptr);
        for (volatile int busy = 0;;) {
            busy = busy + 1;
        }
    }));
    const Family family = family_of(ready);
    ::kill(kept.keeper(), SIGKILL);
    Kept::await(kept.keeper());
    EXPECT_EQ(Kept::await(family.agent), ExitStatus::exited(137));
    expect_gone(family);
}
#endif

/// An agent that writes down every signal it gets; SIGTERM ends it.
int listening(const Ready& ready) {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    const Fd out(::open(ready.stdio().out.path.c_str(), O_WRONLY));
    ::dprintf(out.get(), "%d\n", ::getpid());
    for (;;) {
        const int signal = ::sigwaitinfo(&all, nullptr);
        if (signal < 0) continue;
        ::dprintf(out.get(), "%s\n", signal_name(signal).c_str());
        if (signal == SIGTERM) return 7;
    }
}

TEST(Keeper, passes_signals_on) {
    Ready ready;
    const Kept kept([&] { return listening(ready); });
    ready.pid();
    for (const int signal : {SIGUSR1, SIGUSR2, SIGHUP, SIGQUIT, SIGINT, SIGWINCH, SIGTERM}) {
        ::kill(kept.keeper(), signal);
        EXPECT_EQ(ready.line(), signal_name(signal));
    }
    EXPECT_EQ(Kept::await(kept.keeper()), ExitStatus::exited(7));
}

TEST(Keeper, respects_nohup) {
    Ready ready;
    ::signal(SIGHUP, SIG_IGN);
    const Kept kept([&] { return listening(ready); });
    ::signal(SIGHUP, SIG_DFL);
    ready.pid();
    ::kill(kept.keeper(), SIGHUP);
    ::kill(kept.keeper(), SIGTERM);
    EXPECT_EQ(ready.line(), "SIGTERM");
    Kept::await(kept.keeper());
}

TEST(Keeper, stops_with_sigtstp_and_goes_on_with_sigcont) {
    Ready ready;
    const Kept kept([&] { return listening(ready); });
    ready.pid();
    ::kill(kept.keeper(), SIGTSTP);
    EXPECT_EQ(ready.line(), "SIGTSTP");
    siginfo_t info = {};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(kept.keeper()), &info, WSTOPPED), 0);
    EXPECT_EQ(info.si_status, SIGSTOP);
    ::kill(kept.keeper(), SIGCONT);
    EXPECT_EQ(ready.line(), "SIGCONT");
    ::kill(kept.keeper(), SIGTERM);
    EXPECT_EQ(ready.line(), "SIGTERM");
    EXPECT_EQ(Kept::await(kept.keeper()), ExitStatus::exited(7));
}

TEST(Keeper, lets_one_ctrl_c_at_a_terminal_be_one) {
    Ready ready;
    int terminal = -1;
    const pid_t keeper = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    ASSERT_GE(keeper, 0);
    if (keeper == 0) ::_exit(run_under_keeper([&] { return listening(ready); }));
    const Fd master(terminal);
    ready.pid();
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(::write(terminal, "\x03", 1), 1);
        EXPECT_EQ(ready.line(), "SIGINT");
    }
    ASSERT_EQ(::kill(-keeper, SIGTERM), 0);  // and a signal to the group too
    EXPECT_EQ(ready.line(), "SIGTERM");
    EXPECT_EQ(Kept::await(keeper), ExitStatus::exited(7));
}

TEST(Keeper, lets_a_worker_read_the_terminal) {
    Ready ready;
    int terminal = -1;
    const pid_t keeper = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    ASSERT_GE(keeper, 0);
    if (keeper == 0) {
        ::_exit(run_under_keeper([&] {
            Stdio stdio = ready.stdio();
            stdio.in = Stdio::In::inherit;
            const auto pid = spawn(shell("echo ready; read x; echo \"$x\""), stdio);
            return pid ? Kept::await(*pid).code() : 99;
        }));
    }
    const Fd master(terminal);
    EXPECT_EQ(ready.line(), "ready");
    ASSERT_EQ(::write(terminal, "typed\n", 6), 6);
    EXPECT_EQ(ready.line(), "typed");
    EXPECT_EQ(Kept::await(keeper), ExitStatus::exited(0));
}

TEST(Echo, is_the_same_signal_within_a_moment) {
    Echo echo;
    const Instant start{};
    EXPECT_FALSE(echo.repeats(SIGTERM, start));
    EXPECT_TRUE(echo.repeats(SIGTERM, start + milliseconds(3)));
    EXPECT_FALSE(echo.repeats(SIGINT, start + milliseconds(4)));
    EXPECT_FALSE(echo.repeats(SIGTERM, start + milliseconds(300)));
    EXPECT_TRUE(echo.repeats(SIGTERM, start + milliseconds(500)));
}

TEST(Echo, does_not_swallow_a_signal_that_comes_again_and_again) {
    Echo echo;
    int heard = 0;
    for (int at = 0; at < 2000; at += 200)
        heard += echo.repeats(SIGUSR1, Instant{} + milliseconds(at)) ? 0 : 1;
    EXPECT_EQ(heard, 5);
}

}  // namespace
}  // namespace torchelastic::process
