// The one thread's event loop: timers, readable descriptors, signals, values posted from other
// threads. The only folder that sees Asio.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace torchelastic::net {

/// Runs handlers one after another on the thread that calls run(). Everything made from a loop
/// belongs to that thread and must be gone before the loop is.
class Loop {
public:
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Until stop(), or until nothing is left that could call a handler.
    void run();
    void stop();

    /// Runs `handler` on the loop, soon. The one call that other threads may make.
    void post(std::function<void()> handler);

    struct State;
    State& state() { return *state_; }

private:
    std::unique_ptr<State> state_;
};

/// Calls a handler once, later. Destroying it cancels.
class Timer {
public:
    explicit Timer(Loop& loop);
    ~Timer();
    Timer(Timer&&) noexcept;
    Timer& operator=(Timer&&) noexcept;

    /// Replaces whatever was armed before.
    void arm(Duration after, std::function<void()> handler);
    void cancel();

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// Calls a handler whenever a descriptor is readable (level-triggered: also at its end, or, for a
/// pidfd, once the process is dead). Owns the descriptor. Destroying it, also from within the
/// handler, stops and closes.
class Readable {
public:
    Readable(Loop& loop, Fd fd, std::function<void(int fd)> handler);
    ~Readable();
    Readable(Readable&&) noexcept;
    Readable& operator=(Readable&&) noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// A signal, and what the kernel says of its sender.
struct Signal {
    int number = 0;
    std::int64_t sender = 0;  ///< pid; 0 if it is not one of this process' pid namespace
    int value = 0;            ///< of sigqueue(3), else 0
};

/// Signals as events. The signals are blocked for the thread (and so for children until they
/// unblock them: process/ does) and read from a signalfd.
class Signals {
public:
    static Result<Signals> open(Loop& loop, const std::vector<int>& signals,
                                std::function<void(const Signal& signal)> handler);

private:
    explicit Signals(Readable readable) : readable_(std::move(readable)) {}
    Readable readable_;
};

}  // namespace torchelastic::net
