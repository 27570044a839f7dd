// A listening TCP socket.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/connection.h"
#include "net/loop.h"

namespace torchelastic::net {

/// Bound and listening from open() on: connections queue in the kernel until start().
class Listener {
public:
    /// All addresses of this machine (IPv6 and IPv4 where it has both) if `address` is empty, else
    /// a numeric one. Port 0 takes a free one.
    static Result<Listener> open(Loop& loop, const std::string& address, std::uint16_t port);

    ~Listener();
    Listener(Listener&&) noexcept;
    Listener& operator=(Listener&&) noexcept;

    /// `starved` is told once if a connection cannot be taken, for lack of descriptors mostly. It
    /// is tried again until it can.
    void start(std::function<void(Connection)> accepted,
               std::function<void(const Error& why)> starved = nullptr);
    std::uint16_t port() const;

private:
    struct State;
    explicit Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

/// A port that nobody else is given while this is held, but that a child process which sets
/// SO_REUSEADDR, as torch's TCPStore does, can listen on: bound, not listening.
class ReservedPort {
public:
    /// Port 0 takes a free one.
    static Result<ReservedPort> open(std::uint16_t port = 0);
    std::uint16_t port() const { return port_; }

private:
    ReservedPort(Fd socket, std::uint16_t port) : socket_(std::move(socket)), port_(port) {}
    Fd socket_;
    std::uint16_t port_ = 0;
};

/// Nobody has bound the port, not even to leave it to a child (ReservedPort), and no connection of
/// the last minute ended on it.
bool is_untouched(std::uint16_t port);

}  // namespace torchelastic::net
