// Peeks at the dead before it takes them, so that our own children's statuses reach their owners.
#include "process/reaper.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

namespace torchelastic::process {

namespace {

/// Some child that is dead and was not reaped, or 0.
pid_t peek() {
    siginfo_t info = {};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return 0;
    return info.si_pid;
}

}  // namespace

Result<std::unique_ptr<Reaper>> Reaper::open(net::Loop& loop, Notice notice) {
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        return failure(Error::from_errno("become a child subreaper"));
    }
    // Whoever started us may have ignored it, and then the kernel reaps and no status is left.
    ::signal(SIGCHLD, SIG_DFL);
    std::unique_ptr<Reaper> reaper(new Reaper(notice));
    if (notice == Notice::pidfd) return reaper;
    auto signals = net::Signals::open(loop, {SIGCHLD},
                                      [self = reaper.get()](const net::Signal&) { self->reap(); });
    if (!signals) return failure(std::move(signals).error().because("watch SIGCHLD"));
    reaper->signals_ = std::move(*signals);
    return reaper;
}

void Reaper::reap() {
    for (pid_t pid = peek(); pid != 0; pid = peek()) {
        if (const auto own = own_.find(pid); own != own_.end()) {
            const auto dead = own->second;  // which erases itself
            dead();
        } else {
            siginfo_t info = {};
            ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG);
        }
    }
}

bool Reaper::childless() {
    siginfo_t info = {};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

std::vector<pid_t> Reaper::own() const {
    std::vector<pid_t> pids;
    for (const auto& [pid, dead] : own_) {
        pids.push_back(pid);
    }
    return pids;
}

}  // namespace torchelastic::process
