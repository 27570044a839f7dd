// A byte stream to a peer, by TCP. Neither frames nor meaning: that is wire/'s and store/'s.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "base/fd.h"
#include "base/time.h"
#include "net/loop.h"

namespace torchelastic::net {

struct ConnectionHandlers {
    /// Bytes as they came; the view is valid during the call only.
    std::function<void(std::string_view bytes)> data;
    /// The peer closed, or the connection broke: called once, never after close(). `why` is for
    /// people ("closed by peer", "connection reset by peer").
    std::function<void(const std::string& why)> closed;
};

/// An open connection. Handlers are called from the loop only, never from within send() or
/// close(); a handler may close or drop its own connection.
class Connection {
public:
    /// Takes an already connected, stream socket.
    Connection(Loop& loop, Fd socket);
    ~Connection();
    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) noexcept;

    /// Starts reading.
    void start(ConnectionHandlers handlers);

    /// Writes at once what the kernel takes, and the rest as the peer reads. Order is kept.
    void send(std::string_view bytes);

    /// Bytes accepted by send() that the kernel has not taken yet.
    std::size_t unsent() const;

    /// Closes at once; what was sent and taken by the kernel still reaches the peer.
    void close();

    /// Closes after everything that was given to send() is with the kernel, or after `limit`.
    void close_when_sent(Duration limit);

    /// What closed it was the peer's end; else the way to it is broken.
    bool ended_by_peer() const;

    /// Numeric addresses of the two ends.
    const Endpoint& local() const;
    const Endpoint& peer() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// One attempt to connect to a numeric address (no name is ever looked up here). Destroying it
/// cancels. The handler is called once, from the loop.
class Connector {
public:
    Connector(Loop& loop, const Endpoint& numeric, Duration limit,
              std::function<void(Result<Connection>)> handler);
    ~Connector();
    Connector(Connector&&) noexcept;
    Connector& operator=(Connector&&) noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// The numeric addresses of a name, IPv4 first; blocks as getaddrinfo(3) does.
Result<std::vector<std::string>> resolve(const std::string& host);

}  // namespace torchelastic::net
