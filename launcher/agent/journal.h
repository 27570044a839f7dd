// What an agent goes through, seen from beside: the events for people and tools, and the state that
// the health port tells. Pure: what the lifecycle hears and does comes in with its time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/lifecycle.h"
#include "base/time.h"
#include "report/event.h"
#include "watchdog/server.h"

namespace torchelastic::agent {

class Journal {
public:
    /// `start`: of the program.
    explicit Journal(Moment start) : start_(start), changed_(start), wanted_since_(start.instant) {}

    using Events = std::vector<report::Event>;

    /// The agent begins: it knows the others.
    Events begin(const Moment& now);

    /// To be told of everything that the lifecycle hears, before it acts on it, and of everything
    /// that it orders, before that is done.
    Events hear(const Event& event, const Moment& now);
    Events act(const Action& action, const Moment& now);

    Events timer_expired(const watchdog::Happening& happening, const Moment& now);

    /// What the agent is at.
    enum class State { joining, waiting, running, stopping, over };
    State state() const { return state_; }
    int round() const { return round_ ? assignment_.round : -1; }  ///< -1: before the first
    int restart_count() const { return assignment_.restart_count; }
    int running() const { return running_; }  ///< workers
    const Moment& start() const { return start_; }
    const Moment& changed() const { return changed_; }  ///< when something happened last

private:
    void form(const coordinator::Assignment& assignment, const Moment& now);
    void hear_start(const WorkersStarted& started, const Moment& now);
    void hear_end(const WorkerEnded& ended, const Moment& now);
    void hear_stop(const coordinator::Stop& stop, const Moment& now);
    void hear_trouble(report::EventKind kind, const std::string& reason, const Moment& now);
    void conclude(const coordinator::Verdict& verdict, const Moment& now);
    report::Event& add(report::EventKind kind, const Moment& now);
    report::EventWorker worker(int local_rank) const;

    Moment start_;
    Moment changed_;
    State state_ = State::joining;
    bool round_ = false;  ///< assignment_ holds one
    coordinator::Assignment assignment_;
    std::vector<std::int64_t> pids_;
    int running_ = 0;
    Instant wanted_since_;              ///< the next round: from the start, or from the failure
    std::optional<Instant> failed_at_;  ///< in this round
    Instant ready_at_{};
    Instant forked_at_{};
    std::optional<Instant> stopping_at_;
    std::string reason_;      ///< of the next stop
    bool finishing_ = false;  ///< the verdict was heard
    Events events_;
};

/// "running"
std::string_view words(Journal::State state);

}  // namespace torchelastic::agent
