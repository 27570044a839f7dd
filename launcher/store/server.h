// The c10d TCPStore of one attempt, for workers of torch 1.13 to 2.14: sockets around sessions.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/loop.h"

namespace torchelastic::store {

/// One listener, one key space. Dropping the server drops the listener, the connections and the
/// keys: stragglers of an old attempt cannot touch the next one, which has a server of its own.
///
/// A connection is closed when what it says is not understood or refused (sessions.h), and when it
/// does not read its answers; never for being idle. torch's clients have no time limit on answers:
/// the loop must not be blocked.
class Server {
public:
    /// Takes one line for people; it must not drop the server.
    using Complain = std::function<void(const std::string& line)>;

    /// Bound and listening from here on: clients that come before start() wait in the kernel.
    /// `address` and `port` are those of net::Listener: "" is all addresses, 0 any free port.
    /// `complain` is called for each peer that is refused or dropped, up to a fixed number: a port
    /// scanner must not fill the job's log.
    static Result<Server> open(net::Loop& loop, const std::string& address, std::uint16_t port,
                               Complain complain);

    ~Server();
    Server(Server&&) noexcept;
    Server& operator=(Server&&) noexcept;

    /// Accepts only peers of these numeric addresses from now on, loopback only if it is among
    /// them; all if there are none, as in the beginning. torch's clients can prove nothing more.
    void allow(const std::vector<std::string>& addresses);

    void start();
    std::uint16_t port() const;

private:
    struct State;
    explicit Server(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace torchelastic::store
