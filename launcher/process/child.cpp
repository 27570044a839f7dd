// A child's life from fork to reaping.
#include "process/child.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>

namespace torchelastic::process {

namespace {

#ifdef SYS_pidfd_open
constexpr long kPidfdOpen = SYS_pidfd_open;
#else
constexpr long kPidfdOpen = 434;
#endif

constexpr auto kLastWait = std::chrono::seconds(1);

}  // namespace

struct Child::State {
    State(net::Loop& on, Reaper& by, pid_t of, ExitHandler handler)
        : loop(on), reaper(by), pid(of), exited(std::move(handler)) {}

    /// Takes the status if there is one.
    bool reap();
    void died();
    void end();

    net::Loop& loop;
    Reaper& reaper;
    pid_t pid;
    ExitHandler exited;
    std::optional<net::Readable> pidfd;
    std::optional<ExitStatus> status;
    std::weak_ptr<State> self;
};

bool Child::State::reap() {
    if (status) return true;
    siginfo_t info = {};
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG) == 0) {
        if (info.si_pid == 0) return false;
        status = ExitStatus::from_waitid(info);
    } else {
        if (errno != ECHILD) return false;
        status =
            ExitStatus::exited(255);  // somebody else's wait() took it; it is dead all the same
    }
    reaper.dismiss(pid);
    pidfd.reset();
    return true;
}

// The event is posted, because the reaper also reaps on behalf of callers who expect no events.
void Child::State::died() {
    if (!reap()) return;
    loop.post([weak = self, at = std::chrono::system_clock::now()] {
        const auto state = weak.lock();
        if (!state || !state->exited) return;
        const ExitHandler handler = std::exchange(state->exited, nullptr);
        handler(*state->status, at);
    });
}

void Child::State::end() {
    exited = nullptr;
    if (!reap()) {
        ::kill(-pid, SIGKILL);  // until it is reaped, the group's number is ours
        const auto give_up = std::chrono::steady_clock::now() + kLastWait;
        while (!reap() && std::chrono::steady_clock::now() < give_up) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
    reaper.dismiss(pid);
    pidfd.reset();
}

Result<Child> Child::start(net::Loop& loop, Reaper& reaper, const Command& command,
                           const Stdio& stdio, ExitHandler exited) {
    auto pid = spawn(command, stdio);
    if (!pid) return failure(std::move(pid).error());
    return own(loop, reaper, *pid, std::move(exited));
}

Child Child::own(net::Loop& loop, Reaper& reaper, pid_t pid, ExitHandler exited) {
    auto state = std::make_shared<State>(loop, reaper, pid, std::move(exited));
    state->self = state;
    const auto died = [weak = state->self] {
        if (const auto alive = weak.lock()) alive->died();
    };
    reaper.enroll(pid, died);
    if (reaper.notice() != Notice::sigchld) {
        Fd fd(static_cast<int>(::syscall(kPidfdOpen, pid, 0U)));
        if (fd) state->pidfd.emplace(loop, std::move(fd), [died](int) { died(); });
    }
    return Child(std::move(state));
}

Child::Child(std::shared_ptr<State> state) : state_(std::move(state)) {}
Child::Child(Child&&) noexcept = default;

Child& Child::operator=(Child&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

Child::~Child() {
    if (state_) state_->end();
}

pid_t Child::pid() const {
    return state_ ? state_->pid : 0;
}

std::optional<ExitStatus> Child::status() const {
    return state_ ? state_->status : std::nullopt;
}

void Child::signal_group(int signal) {
    if (state_ && !state_->status) ::kill(-state_->pid, signal);
}

void Child::abandon() {
    if (!state_) return;
    state_->reaper.dismiss(state_->pid);
    state_.reset();
}

}  // namespace torchelastic::process
