// The keeper's wait, the agent's beginnings, and the handler that runs when the keeper is gone.
#include "process/keeper.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/signal_name.h"
#include "process/end_tree.h"
#include "process/exit_status.h"
#include "process/tree.h"

namespace torchelastic::process {

namespace {

constexpr auto kAgentLimit = std::chrono::seconds(30);
constexpr auto kKeeperLimit = std::chrono::seconds(60);
constexpr int kRoomForWords = 2000;  // milliseconds
constexpr int kFromParent = 1;

/// Sent by the kernel to the agent when the keeper dies. Nobody else uses it.
int keeper_died_signal() {
    return SIGRTMAX;
}

/// For the handler, which has nothing else.
const char* scratch_of_agent = nullptr;
pid_t keeper_of_agent = 0;
pid_t parent_of_keeper = 0;

void end_without_keeper(int) {
    if (::getppid() == keeper_of_agent) return;  // somebody else's signal: it lives
    constexpr char kWords[] = "torchelastic: the keeper process was killed; ending all workers\n";
    [[maybe_unused]] const auto written = ::write(2, kWords, sizeof kWords - 1);
    end_tree(kAgentLimit);
    // Nothing that removes a folder may be called in a handler; exec may.
    if (scratch_of_agent != nullptr) {
        ::execl("/bin/rm", "rm", "-rf", "--", scratch_of_agent, nullptr);
    }
    ::_exit(128 + SIGKILL);
}

/// What the keeper takes from others and hands to the agent.
sigset_t passed_on() {
    sigset_t set;
    ::sigfillset(&set);
    for (const int mine : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPIPE,
                           SIGTTIN, SIGTTOU, SIGCHLD}) {
        ::sigdelset(&set, mine);
    }
    struct sigaction hangup = {};
    ::sigaction(SIGHUP, nullptr, &hangup);
    if (hangup.sa_handler == SIG_IGN) ::sigdelset(&set, SIGHUP);  // nohup(1)
    return set;
}

void become_agent(pid_t keeper, const sigset_t& mask) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    struct sigaction end = {};
    end.sa_handler = end_without_keeper;
    ::sigfillset(&end.sa_mask);
    ::sigaction(keeper_died_signal(), &end, nullptr);
    ::prctl(PR_SET_PDEATHSIG, keeper_died_signal());
    keeper_of_agent = keeper;
    if (::getppid() != keeper) ::_exit(128 + SIGKILL);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);
    ::signal(SIGTTOU, SIG_IGN);
    sigset_t restored = mask;
    ::sigdelset(&restored, keeper_died_signal());
    ::sigprocmask(SIG_SETMASK, &restored, nullptr);
}

/// Waits for the agent's end, passing signals on.
ExitStatus await_agent(pid_t agent, sigset_t signals) {
    ::sigaddset(&signals, SIGCHLD);
    for (;;) {
        siginfo_t info = {};
        const int signal = ::sigwaitinfo(&signals, &info);
        if (signal < 0) continue;  // interrupted by a stop and its end
        if (signal != SIGCHLD) {
            ::sigqueue(agent, signal, {.sival_int = info.si_pid == ::getppid() ? kFromParent : 0});
            if (signal == SIGTSTP) ::raise(SIGSTOP);
            continue;
        }
        int status = 0;
        for (pid_t pid = 1; pid > 0;) {
            pid = ::waitpid(-1, &status, WNOHANG);
            if (pid == agent) return ExitStatus::from_wait(status);
        }
    }
}

void name_stragglers() {
    const auto left = descendants(::getpid());
    if (!left) return;
    for (const Process& process : *left) {
        std::fprintf(stderr, "torchelastic: could not be killed: %s\n", words(process).c_str());
    }
}

/// Nobody else can: the agent's own log ended with it. A stderr that takes nothing may not keep the
/// keeper for ever.
void tell_of_killed_agent(int signal) {
    const std::string name = signal_name(signal);
    const char* hint =
        signal == SIGKILL ? " (by somebody, or by the kernel for lack of memory: see dmesg)" : "";
    pollfd room{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
    if (::poll(&room, 1, kRoomForWords) != 1) return;
    std::fprintf(stderr, "torchelastic: the agent was killed by %s%s; ended all workers\n",
                 name.c_str(), hint);
}

}  // namespace

int run_under_keeper(const std::function<int()>& agent, const char* scratch) {
    scratch_of_agent = scratch;
    ::signal(SIGCHLD, SIG_DFL);  // if it was ignored, there would be no status to wait for
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const sigset_t signals = passed_on();
    sigset_t blocked = signals;
    ::sigaddset(&blocked, SIGCHLD);
    sigset_t before;
    ::sigprocmask(SIG_BLOCK, &blocked, &before);

    const pid_t keeper = ::getpid();
    parent_of_keeper = ::getppid();
    const pid_t pid = ::fork();
    if (pid < 0) {
        std::fprintf(stderr, "torchelastic: run without a keeper: fork: %s\n",
                     std::strerror(errno));
        ::sigprocmask(SIG_SETMASK, &before, nullptr);
        return agent();
    }
    if (pid == 0) {
        become_agent(keeper, before);
        return agent();
    }
    ::setpgid(pid, pid);  // whichever of the two comes first, no signal falls between
    const ExitStatus status = await_agent(pid, signals);
    if (!end_tree(kKeeperLimit)) name_stragglers();
    if (status.signal() != 0) tell_of_killed_agent(status.signal());
    return status.code();
}

bool sent_by_parent(const net::Signal& signal) {
    if (keeper_of_agent == 0) return false;
    return signal.sender == parent_of_keeper ||
           (signal.sender == keeper_of_agent && signal.value == kFromParent);
}

bool Echo::repeats(int signal, Instant now) {
    const auto [entry, first] = last_.try_emplace(signal, now);
    if (first) return false;
    if (now - entry->second < kWindow) return true;
    entry->second = now;
    return false;
}

}  // namespace torchelastic::process
