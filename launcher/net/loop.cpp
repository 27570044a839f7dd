// Timers, descriptors and signals over Asio. Every handler holds its state weakly, so that
// destroying the owner is enough to silence it.
#include "net/loop.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include "net/state.h"

namespace torchelastic::net {

Loop::Loop() : state_(std::make_unique<State>()) {}
Loop::~Loop() = default;

void Loop::run() {
    state_->context.restart();
    state_->context.run();
}

void Loop::stop() {
    state_->context.stop();
}

void Loop::post(std::function<void()> handler) {
    asio::post(state_->context, std::move(handler));
}

struct Timer::State {
    explicit State(Loop& loop) : timer(loop.state().context) {}
    asio::steady_timer timer;
    unsigned armed = 0;  // which arm() a firing belongs to: a cancelled one may already be queued
};

Timer::Timer(Loop& loop) : state_(std::make_shared<State>(loop)) {}
Timer::~Timer() = default;
Timer::Timer(Timer&&) noexcept = default;
Timer& Timer::operator=(Timer&&) noexcept = default;

void Timer::arm(Duration after, std::function<void()> handler) {
    state_->timer.expires_after(after);
    const unsigned turn = ++state_->armed;
    state_->timer.async_wait([weak = std::weak_ptr<State>(state_), turn,
                              handler = std::move(handler)](const asio::error_code& error) {
        const auto state = weak.lock();
        if (!error && state && state->armed == turn) handler();
    });
}

void Timer::cancel() {
    ++state_->armed;
    state_->timer.cancel();
}

struct Readable::State : std::enable_shared_from_this<Readable::State> {
    State(Loop& loop, Fd fd, std::function<void(int)> call)
        : descriptor(loop.state().context), handler(std::move(call)) {
        // What the kernel cannot watch (a plain file) is closed at once, and never readable.
        asio::error_code error;
        static_cast<void>(descriptor.assign(fd.get(), error));
        if (!error) static_cast<void>(fd.release());
    }

    void wait() {
        descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                              [weak = weak_from_this()](const asio::error_code& error) {
                                  const auto state = weak.lock();
                                  if (error || !state || !state->owned) return;
                                  state->handler(state->descriptor.native_handle());
                                  if (state->owned) state->wait();
                              });
    }

    asio::posix::stream_descriptor descriptor;
    std::function<void(int)> handler;
    bool owned = true;
};

Readable::Readable(Loop& loop, Fd fd, std::function<void(int)> handler)
    : state_(std::make_shared<State>(loop, std::move(fd), std::move(handler))) {
    state_->wait();
}

Readable::~Readable() {
    if (!state_) return;
    state_->owned = false;
    asio::error_code ignored;
    static_cast<void>(state_->descriptor.close(ignored));
}

Readable::Readable(Readable&&) noexcept = default;
Readable& Readable::operator=(Readable&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

Result<Signals> Signals::open(Loop& loop, const std::vector<int>& signals,
                              std::function<void(const Signal&)> handler) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : signals) {
        sigaddset(&set, signal);
    }
    if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) {
        return failure(Error::from_errno("block signals"));
    }
    Fd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd) return failure(Error::from_errno("watch signals"));
    return Signals(Readable(loop, std::move(fd), [handler = std::move(handler)](int source) {
        signalfd_siginfo info{};
        while (::read(source, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
            handler({static_cast<int>(info.ssi_signo), info.ssi_pid, info.ssi_int});
        }
    }));
}

}  // namespace torchelastic::net
