// A connection between an agent and the coordinator: proven on both sides, alive or told dead.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "net/connection.h"
#include "net/loop.h"
#include "wire/codec.h"

namespace torchelastic::rdzv {

/// What both sides must share.
struct Credentials {
    std::string token;
    std::string run_id;
};

/// A peer that was silent for `attempts` intervals in a row is lost. Intervals are counted as this
/// process lives through them: one that was itself suspended blames nobody.
struct KeepAlive {
    Duration interval = std::chrono::seconds(1);
    int attempts = 3;
};

struct SessionHandlers {
    std::function<void()> proven;                        ///< once, before any message
    std::function<void(wire::Message message)> message;  ///< never a Ping
    std::function<void(const std::string& why)> closed;  ///< once; never by ourselves
};

/// One side of the agents' protocol on one connection. Handlers are called from the loop and may
/// destroy the session.
class Session {
public:
    enum class Side { client, server };

    Session(net::Loop& loop, net::Connection connection, Side side, const Credentials& credentials,
            KeepAlive keep_alive);
    ~Session();
    Session(Session&&) noexcept;
    Session& operator=(Session&&) noexcept;

    void start(SessionHandlers handlers);

    /// Replaces the handlers of a session that has been started.
    void hand_over(SessionHandlers handlers);

    /// Only once proven.
    void send(const wire::Message& message);

    /// Closes after all that was sent is with the kernel, or after `limit`.
    void close_when_sent(Duration limit);

    /// Nothing until it is measured, which takes one way to and fro after the proof.
    std::optional<wire::ClockOffset> clock_offset() const;

    /// What closed it: the peer is an agent, but of another version, or torchrun's.
    bool met_foreign_agent() const;

    /// What closed it: the peer's end, without a farewell. That process is no more; else it may
    /// have given this connection up, or be out of reach, and live.
    bool peer_died() const;

    const Endpoint& local() const;
    const Endpoint& peer() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace torchelastic::rdzv
