// How an agent finds, or becomes, the coordinator. Every backend answers one question: where is it?
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "coordinator/members.h"
#include "net/listener.h"
#include "rdzv/session.h"

namespace torchelastic::rdzv {

/// This agent coordinates. Others come through `listener`; none where there is only one node.
struct Host {
    std::optional<net::Listener> listener;
};
/// Another agent coordinates, and has proved it. The session is to be taken over.
struct Guest {
    Session session;
};
/// Another agent serves this node, and this one has nothing to do.
struct Surplus {
    std::string words;  ///< for people; said by one of several
};

/// What an agent knows once it has met the others.
struct Meeting {
    Credentials credentials;
    coordinator::AgentId id;  ///< this node's name
    int order = 0;            ///< its place
    std::string address;      ///< numeric, where the other nodes reach it
    coordinator::Membership membership = coordinator::Membership::known;
    std::vector<coordinator::AgentId> expected;  ///< all members, in order, if they are known
    std::variant<Host, Guest, Surplus> place;
};

struct Settings {
    Duration join_timeout = std::chrono::seconds(600);
    KeepAlive keep_alive;
    std::optional<std::string> local_address;  ///< --local-addr
    Duration pmix_timeout = std::chrono::seconds(60);
    std::optional<std::pair<std::uint16_t, std::uint16_t>> port_range;
};

/// A backend at work. Destroying it cancels.
class Rendezvous {
public:
    virtual ~Rendezvous() = default;

    /// Calls `done` once, from the loop or before it returns.
    virtual void meet(std::function<void(Result<Meeting>)> done) = 0;

    /// Once the agent has nothing more to do: takes back what would lead others here. `ended`: the
    /// job is over, and its run must not begin again; else it was only left. Calls `done` once.
    virtual void close(bool /*ended*/, std::function<void(Result<void>)> done) { done({}); }

    /// While it meets nobody: what the last attempt to reach the coordinator met; empty if that is
    /// not known.
    virtual std::string trouble() const { return {}; }

    /// A thread of a library is still at work and nobody can end it: the process must end by
    /// _exit(2), which takes nothing down under that thread's feet.
    virtual bool stuck() const { return false; }
};

}  // namespace torchelastic::rdzv
