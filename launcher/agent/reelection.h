// An agent's way to another coordinator: a succession at work, with a door of its own at which
// other agents report, and calls to those whose turn it is.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/succession.h"
#include "net/listener.h"
#include "net/loop.h"
#include "rdzv/dialer.h"
#include "rdzv/door.h"
#include "report/log.h"

namespace torchelastic::agent {

/// An agent that has reported to this one, before it coordinated.
struct Supporter {
    coordinator::Report report;
    rdzv::Session session;
};

/// All are called from the loop, or from within lost() and missed().
struct ReelectionHandlers {
    std::function<void(rdzv::Session)> reached;        ///< talk to this agent now,
    std::function<void(const coordinator::Up&)> tell;  ///< and tell it this
    std::function<void(const coordinator::Inheritance&, const coordinator::Report& own,
                       std::vector<Supporter>)>
        elected;                                         ///< this agent is to coordinate
    std::function<void(rdzv::Session)> joined;           ///< another comes once it does
    std::function<void(const std::string& why)> failed;  ///< there is no coordinator
};

class Reelection {
public:
    Reelection(net::Loop& loop, report::Log& log, net::Listener listener, coordinator::Card own,
               const rdzv::Credentials& credentials, rdzv::KeepAlive keep_alive,
               ReelectionHandlers handlers);

    /// What the coordinator, or whoever was reached, says.
    void hear(const coordinator::Roster& roster) { succession_.roster(roster); }
    void hear(const coordinator::Stop& stop) { succession_.stopped(stop.restart_count); }
    void hear(const coordinator::Lead& lead) { perform(succession_.led(lead)); }
    void hear(const coordinator::Defer& answer) { perform(succession_.deferred(answer)); }

    /// The connection to the coordinator is gone; or that to whoever was reached.
    void lost(const std::string& why, bool died);
    void missed(const std::string& why);

    /// A successor is being asked.
    bool asks() const { return succession_.asks(); }

    /// This agent ends.
    void retire();

private:
    void enter(rdzv::Session session);
    void perform(const coordinator::Succession::Actions& actions);
    void perform(const coordinator::Dial& order);
    void perform(const coordinator::SendReport& order);
    void perform(const coordinator::SendDefer& order);
    void perform(const coordinator::TakeOver& order);
    void perform(const coordinator::GiveUp& order);
    void perform(const coordinator::WaitUntil& order);

    net::Loop& loop_;
    report::Log& log_;
    coordinator::AgentId own_;
    rdzv::Credentials credentials_;
    rdzv::KeepAlive keep_alive_;
    ReelectionHandlers handlers_;
    coordinator::Succession succession_;
    net::Timer timer_;
    std::optional<rdzv::Dialer> dialer_;
    std::map<unsigned long, rdzv::Session> callers_;  // proven, but have not reported
    unsigned long last_caller_ = 0;
    std::map<coordinator::AgentId, rdzv::Session> supporters_;
    rdzv::Door door_;
};

/// How long the agents of a job may take to notice what one of them has noticed.
Duration patience(rdzv::KeepAlive keep_alive);

}  // namespace torchelastic::agent
