// The coordinator at work: brings it events from connections and timers, performs its actions.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "agent/deadline.h"
#include "coordinator/coordinator.h"
#include "net/loop.h"
#include "rdzv/door.h"
#include "report/log.h"

namespace torchelastic::agent {

struct HubHandlers {
    std::function<void(coordinator::Down)> to_own;       ///< for the agent of this process
    std::function<void(const coordinator::Done&)> done;  ///< once; may destroy the hub
    std::function<void(Deadline::Answer)> ask_deadline;
};

/// Lives in the process of the agent that coordinates. That agent talks to it directly, the others
/// over sessions. Handlers are called from the loop, never from within a call.
class Hub {
public:
    Hub(net::Loop& loop, report::Log& log, coordinator::Plan plan, coordinator::AgentId own,
        HubHandlers handlers);

    /// Lets the other nodes' agents in.
    void open(net::Listener listener, const rdzv::Credentials& credentials,
              rdzv::KeepAlive keep_alive);

    /// Takes over from a coordinator that was lost.
    Hub(net::Loop& loop, report::Log& log, coordinator::Plan plan,
        const coordinator::Inheritance& inheritance, coordinator::AgentId own,
        HubHandlers handlers);

    void from_own(coordinator::Up message);

    /// A proven peer; who it is, its first word will tell.
    void enter(rdzv::Session session);

    /// The same, whose first word was this.
    void enter(rdzv::Session session, const coordinator::Report& report);

private:
    Hub(net::Loop& loop, report::Log& log, coordinator::Coordinator actor, coordinator::AgentId own,
        HubHandlers handlers);
    void greet(unsigned long stranger, const wire::Message& message);
    void admit(rdzv::Session session, const coordinator::Card& card, coordinator::Up word);
    void adopt(const coordinator::AgentId& id, rdzv::Session session);
    void hear(const coordinator::AgentId& id, wire::Message message);
    void handle(const coordinator::Event& event);
    void perform(coordinator::Action action);
    void send(const coordinator::AgentId& id, coordinator::Down message);

    net::Loop& loop_;
    report::Log& log_;
    coordinator::Coordinator coordinator_;
    coordinator::AgentId own_;
    HubHandlers handlers_;
    net::Timer timer_;
    std::map<unsigned long, rdzv::Session> strangers_;  // proven, but have not said hello
    unsigned long last_stranger_ = 0;
    std::map<coordinator::AgentId, rdzv::Session> sessions_;
    std::optional<rdzv::Door> door_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace torchelastic::agent
