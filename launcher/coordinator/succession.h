// One agent's part in finding another coordinator when the one that there was is lost. Pure: events
// and the time come in, actions go out.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"
#include "coordinator/coordinator.h"
#include "coordinator/messages.h"

namespace torchelastic::coordinator {

/// Connect to this agent; then say reached() or missed().
struct Dial {
    Successor successor;
};
/// To the agent that was dialled.
struct SendReport {
    Report report;
};
/// To an agent that reported to this one.
struct SendDefer {
    AgentId agent;
    Defer message;
};
/// Coordinate: those who reported, this agent among them, are its first members.
struct TakeOver {
    Inheritance inheritance;
    std::vector<Report> reports;
};
/// There will be no coordinator for this agent. `stood`: it would have been; whoever reported to it
/// is to be told.
struct GiveUp {
    std::string why;
    bool stood = false;
};
/// Say time_up() then; replaces what was asked for before. Nothing: never.
struct WaitUntil {
    std::optional<Instant> at;
};

/// Agents that lost the coordinator ask its successors, one after the other, to coordinate. One who
/// is asked, and has lost the coordinator itself, does so once more than half of the nodes of the
/// last round have come to it; for only one part of them can be more than half, and only one goes
/// on.
class Succession {
public:
    using Action = std::variant<Dial, SendReport, SendDefer, TakeOver, GiveUp, WaitUntil>;
    using Actions = std::vector<Action>;

    /// `patience`: how long others may take to notice what this agent has noticed.
    Succession(Card own, Duration patience) : own_(std::move(own)), patience_(patience) {}

    /// A round is formed, or is to be stopped.
    void roster(const Roster& roster);
    void stopped(int restart_count) { last_.restart_count = restart_count; }

    /// The connection to the coordinator is gone. `died`: for certain; else it may be cut off.
    Actions lost(const std::string& why, bool died, Instant now);

    /// Of the agent that was dialled: it can be talked to; it cannot, or not any more; it answers.
    Actions reached(Instant now);
    Actions missed(const std::string& why, Instant now);
    Actions led(const Lead& lead);
    Actions deferred(const Defer& answer);

    /// Another agent asks this one to coordinate; it is gone again.
    Actions report(const Report& report, Instant now);
    void withdrawn(const AgentId& id) { reports_.erase(id); }

    Actions time_up(Instant now);

    /// This agent ends, with or without a coordinator: it neither asks nor stands any more.
    void retire();

    /// The last round of which this agent knows, and whether it took part in it.
    const LastRound& last() const { return last_; }
    bool in_round() const { return group_rank_ >= 0; }

    bool asks() const { return state_ == State::asking; }
    bool leads() const { return state_ == State::leading; }

    /// "following", "asking", "standing", "leading" or "alone".
    std::string_view state() const;

private:
    enum class State {
        following,  ///< there is a coordinator
        asking,     ///< a successor is asked
        standing,   ///< this agent is the next; others have to come
        leading,    ///< it coordinates
        alone,      ///< there is no coordinator, and will be none
    };
    Actions ask(Instant now);
    Actions count(Instant now);
    Actions give_up(const std::string& why);
    Report own_report() const;
    const AgentId& leader() const;

    Card own_;
    Duration patience_;
    State state_ = State::following;
    LastRound last_;
    AgentId coordinator_;  ///< that formed it
    std::vector<Successor> successors_;
    int group_rank_ = -1;
    bool coordinator_died_ = false;  ///< the one that formed the last round
    std::size_t next_ = 0;           ///< of the successors: the first that was not tried in vain
    bool succeeded_ = false;         ///< one that was asked leads, and has formed no round yet
    std::string why_;                ///< the coordinator was lost
    std::string answer_;             ///< the last word of whoever was asked
    int voters_ = 0;                 ///< of the last round, who are here
    std::map<AgentId, Report> reports_;
};

}  // namespace torchelastic::coordinator
