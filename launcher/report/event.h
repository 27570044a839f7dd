// The event log: one JSON line for every change of state, in the form of
// torch.distributed.elastic's events, whose names it uses where torchrun has them. Pure.
// docs/events.md is checked against this.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/time.h"

namespace torchelastic::report {

/// In the order in which they come in a plain run.
enum class EventKind {
    agent_started,
    rendezvous,
    ranks_assigned,
    round_formed,
    worker_started,
    workers_started,
    worker_succeeded,
    worker_failed,
    worker_terminated,
    timer_expired,
    killed_by_timer,
    restarting,
    told_to_end,
    coordinator_lost,
    unable,
    stopping,
    stopped,
    verdict,
    agent_succeeded,
    agent_failed,
};

/// What one kind of event is called, who it is about, and when it comes.
struct EventName {
    EventKind kind;
    std::string_view name;
    std::string_view source;  ///< torch's: AGENT or WORKER
    std::string_view state;
    std::string_view when;
    std::string_view duration;  ///< what duration_ms measures; empty: nothing
};

/// One for each kind, in their order.
std::span<const EventName> event_names();

/// A key of an event's metadata.
struct EventField {
    std::string_view name;
    std::string_view type;
    std::string_view meaning;
};

/// Every event has all of them, null where they do not apply; in their order.
std::span<const EventField> event_fields();

/// The worker that an event is about.
struct EventWorker {
    int rank = 0;
    int local_rank = 0;
    int role_rank = 0;
    int role_world_size = 0;
    std::int64_t pid = 0;  ///< 0: it never started
};

struct EventTimer {
    std::int64_t pid = 0;
    std::string scope;
    double expires = 0;  ///< seconds since the epoch
    int signal = 0;
};

/// Whose events these are, as far as it does not change.
struct EventOrigin {
    std::string run_id;
    std::string role;
    std::string hostname;
    std::string rdzv_backend;
    std::string entry_point;
};

struct Event {
    EventKind kind = EventKind::agent_started;
    WallTime at;
    Duration since_start{};  ///< of the agent
    std::optional<Duration> duration;
    std::optional<int> group_rank;  ///< nothing before the first round
    std::optional<int> group_world_size;
    std::optional<int> round;
    int restarts = 0;
    std::optional<EventWorker> worker;
    std::optional<EventTimer> timer;
    std::optional<int> exit_code;  ///< of the worker, or of the job
    std::optional<int> signal;     ///< that ended the worker, or that was sent or came
    std::optional<std::string> outcome;
    std::optional<std::string> reason;
    std::optional<std::string> error;  ///< what a worker's error file says: message,
    std::string traceback;             ///< and traceback
};

/// One line, without its end. What is no UTF-8 is replaced.
std::string event_line(const EventOrigin& origin, const Event& event);

}  // namespace torchelastic::report
