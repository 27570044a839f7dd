// Events as JSON.
#include "report/event.h"

#include <array>

#include <nlohmann/json.hpp>

#include "base/signal_name.h"

namespace torchelastic::report {

namespace {

using json = nlohmann::ordered_json;
using Kind = EventKind;

constexpr double kMilli = 1e3;
constexpr double kMicro = 1e6;

constexpr auto kNames = std::to_array<EventName>({
    {Kind::agent_started, "torchelastic.agent.started", "AGENT", "INIT",
     "the agent has found its place among the others", "since the program's start"},
    {Kind::rendezvous, "torchelastic.worker.status.RENDEZVOUS", "AGENT", "RENDEZVOUS",
     "a round is formed", "since this agent was ready for it"},
    {Kind::ranks_assigned, "torchelastic.worker.status.ASSIGN_WORKER_RANKS", "AGENT",
     "ASSIGN_WORKER_RANKS", "at the same time: the round comes with its ranks", "0"},
    {Kind::round_formed, "torchelastic.round.formed", "AGENT", "RENDEZVOUS", "at the same time",
     "since the agent's start or, after a restart, since what made it necessary"},
    {Kind::worker_started, "torchelastic.worker.status.START", "WORKER", "START",
     "a worker's program runs", ""},
    {Kind::workers_started, "torchelastic.workers.started", "AGENT", "HEALTHY",
     "all workers of this node run", "from the order to start them to the last exec"},
    {Kind::worker_succeeded, "torchelastic.worker.status.SUCCEEDED", "WORKER", "SUCCEEDED",
     "a worker exited with 0", "the worker's life"},
    {Kind::worker_failed, "torchelastic.worker.status.FAILED", "WORKER", "FAILED",
     "a worker failed, or could not be started", "the worker's life"},
    {Kind::worker_terminated, "torchelastic.worker.status.TERMINATED", "WORKER", "TERMINATED",
     "a worker ended, however, while it was being stopped", "the worker's life"},
    {Kind::timer_expired, "timer expired", "AGENT", "RUNNING",
     "a timer of the worker watchdog ran out", ""},
    {Kind::killed_by_timer, "kill worker process", "AGENT", "RUNNING",
     "and its process was signalled", ""},
    {Kind::restarting, "torchelastic.job.restarting", "AGENT", "STOPPED",
     "the coordinator ends the round, to form the next", "the round's life"},
    {Kind::told_to_end, "torchelastic.agent.told_to_end", "AGENT", "STOPPED",
     "a signal tells the agent to end", ""},
    {Kind::coordinator_lost, "torchelastic.coordinator.lost", "AGENT", "STOPPED",
     "the connection to the coordinator is gone", ""},
    {Kind::unable, "torchelastic.agent.unable", "AGENT", "INIT",
     "this node cannot take part in a round", ""},
    {Kind::stopping, "torchelastic.workers.stopping", "AGENT", "STOPPED",
     "the workers are signalled", ""},
    {Kind::stopped, "torchelastic.workers.stopped", "AGENT", "STOPPED", "nothing of them is left",
     "since they were signalled"},
    {Kind::verdict, "torchelastic.job.verdict", "AGENT", "STOPPED",
     "how the job ended, as this agent knows it", "since the agent's start"},
    {Kind::agent_succeeded, "torchelastic.worker.status.SUCCEEDED", "AGENT", "SUCCEEDED",
     "the last word, if the job succeeded", ""},
    {Kind::agent_failed, "torchelastic.worker.status.FAILED", "AGENT", "FAILED",
     "the last word, if it did not", ""},
});

constexpr auto kFields = std::to_array<EventField>({
    {"run_id", "text", "the job's id"},
    {"global_rank", "number", "the worker's RANK"},
    {"group_rank", "number", "the node's GROUP_RANK"},
    {"worker_id", "text", "the worker's pid"},
    {"role", "text", "`--role`"},
    {"hostname", "text", "the node"},
    {"state", "text", "torchrun's state, by the kind of event"},
    {"total_run_time", "seconds", "since the agent's start"},
    {"rdzv_backend", "text", "slurm, pmix, c10d, static, etcd or standalone"},
    {"raw_error", "text", "JSON: what the worker's error file says"},
    {"metadata", "text",
     "JSON, torchrun's: group_world_size, entry_point; of a worker in lists of one: "
     "local_rank, "
     "role_rank, role_world_size, exit_code (minus the signal), worker_pid; of a timer: "
     "watchdog_event, worker_pid, scope_id, expiration_time, signal"},
    {"agent_restarts", "number", "restarts of the job so far"},
    {"duration_ms", "milliseconds", "by a monotonic clock; of what, the table above says"},
    {"round", "number", "counts formations, from 0"},
    {"exit_code", "number", "the worker's; the job's in the verdict"},
    {"signal", "text", "that ended the worker, or that was sent, or that came"},
    {"outcome", "text",
     "of the job: succeeded, worker_failed, agent_lost, interrupted, not_formed, refused, "
     "coordinator_lost"},
    {"reason", "text", "one line for people"},
});

template <class Value>
json or_null(const std::optional<Value>& value) {
    return value ? json(*value) : json(nullptr);
}

std::string text_of(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

double milliseconds(Duration duration) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
    return static_cast<double>(us) / kMilli;
}

/// Seconds since the epoch, to the microsecond that a double of today holds.
double timestamp(WallTime at) {
    const auto us =
        std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
    return static_cast<double>(us) / kMicro;
}

/// torch's error_file_data.
std::string raw_error(const Event& event) {
    json message = *event.error;
    if (!event.traceback.empty()) {
        message = {{"message", *event.error}, {"extraInfo", {{"py_callstack", event.traceback}}}};
    }
    return text_of({{"message", message}});
}

/// torchrun's "metadata" within the metadata: lists of one, a text of JSON.
std::string nested(const EventOrigin& origin, const Event& event, const EventName& name) {
    json inner = {{"group_world_size", or_null(event.group_world_size)},
                  {"entry_point", origin.entry_point}};
    if (const auto& worker = event.worker) {
        inner["local_rank"] = json::array({worker->local_rank});
        inner["role_rank"] = json::array({worker->role_rank});
        inner["role_world_size"] = json::array({worker->role_world_size});
        if (event.exit_code || event.signal) {
            inner["exit_code"] = json::array({event.signal ? -*event.signal : *event.exit_code});
        }
        inner["worker_pid"] = json::array({worker->pid});
    }
    if (const auto& timer = event.timer) {
        inner = {{"watchdog_event", name.name},
                 {"worker_pid", std::to_string(timer->pid)},
                 {"scope_id", timer->scope},
                 {"expiration_time", text_of(timer->expires)},
                 {"signal", std::to_string(timer->signal)}};
    }
    return text_of(inner);
}

json worker_id(const Event& event) {
    return event.worker && event.worker->pid != 0 ? json(std::to_string(event.worker->pid))
                                                  : json(nullptr);
}

}  // namespace

std::span<const EventName> event_names() {
    return kNames;
}

std::span<const EventField> event_fields() {
    return kFields;
}

std::string event_line(const EventOrigin& origin, const Event& event) {
    const EventName& name = event_names()[static_cast<std::size_t>(event.kind)];
    json metadata;
    metadata["run_id"] = origin.run_id;
    metadata["global_rank"] = event.worker ? json(event.worker->rank) : json(nullptr);
    metadata["group_rank"] = or_null(event.group_rank);
    metadata["worker_id"] = worker_id(event);
    metadata["role"] = origin.role;
    metadata["hostname"] = origin.hostname;
    metadata["state"] = name.state;
    metadata["total_run_time"] = milliseconds(event.since_start) / kMilli;
    metadata["rdzv_backend"] = origin.rdzv_backend;
    metadata["raw_error"] = event.error ? json(raw_error(event)) : json(nullptr);
    metadata["metadata"] = nested(origin, event, name);
    metadata["agent_restarts"] = event.restarts;
    metadata["duration_ms"] = event.duration ? json(milliseconds(*event.duration)) : json(nullptr);
    metadata["round"] = or_null(event.round);
    metadata["exit_code"] = or_null(event.exit_code);
    metadata["signal"] = event.signal ? json(signal_name(*event.signal)) : json(nullptr);
    metadata["outcome"] = or_null(event.outcome);
    metadata["reason"] = or_null(event.reason);
    json line;
    line["name"] = name.name;
    line["source"] = name.source;
    line["timestamp"] = timestamp(event.at);
    line["metadata"] = std::move(metadata);
    return text_of(line);
}

}  // namespace torchelastic::report
