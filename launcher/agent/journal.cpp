// From what the lifecycle hears and orders to events.
#include "agent/journal.h"

#include <utility>

#include "base/signal_name.h"

namespace torchelastic::agent {

namespace {

using report::EventKind;

std::string words(coordinator::Outcome outcome) {
    switch (outcome) {
        case coordinator::Outcome::succeeded:
            return "succeeded";
        case coordinator::Outcome::worker_failed:
            return "worker_failed";
        case coordinator::Outcome::agent_lost:
            return "agent_lost";
        case coordinator::Outcome::interrupted:
            return "interrupted";
        case coordinator::Outcome::not_formed:
            return "not_formed";
        case coordinator::Outcome::refused:
            return "refused";
        case coordinator::Outcome::coordinator_lost:
            return "coordinator_lost";
    }
    return "unknown";
}

std::string told_by(int signal) {
    return "told to end by " + signal_name(signal);
}

}  // namespace

std::string_view words(Journal::State state) {
    switch (state) {
        case Journal::State::joining:
            return "joining";
        case Journal::State::waiting:
            return "waiting";
        case Journal::State::running:
            return "running";
        case Journal::State::stopping:
            return "stopping";
        case Journal::State::over:
            return "over";
    }
    return "unknown";
}

Journal::Events Journal::begin(const Moment& now) {
    add(EventKind::agent_started, now).duration = now.instant - start_.instant;
    return std::exchange(events_, {});
}

Journal::Events Journal::hear(const Event& event, const Moment& now) {
    if (const auto* started = std::get_if<WorkersStarted>(&event)) {
        hear_start(*started, now);
    } else if (const auto* ended = std::get_if<WorkerEnded>(&event)) {
        hear_end(*ended, now);
    } else if (const auto* stop = std::get_if<coordinator::Stop>(&event)) {
        hear_stop(*stop, now);
    } else if (const auto* finish = std::get_if<coordinator::Finish>(&event)) {
        reason_ = finish->verdict.reason;
        finishing_ = true;
    } else if (const auto* signalled = std::get_if<Signalled>(&event)) {
        hear_trouble(EventKind::told_to_end, told_by(signalled->signal), now);
        events_.back().signal = signalled->signal;
    } else if (const auto* lost = std::get_if<LinkLost>(&event)) {
        // Once the verdict is known the coordinator may go.
        if (!finishing_) hear_trouble(EventKind::coordinator_lost, lost->why, now);
        if (state_ == State::running) wanted_since_ = failed_at_.value_or(now.instant);
    } else if (const auto* cannot = std::get_if<CannotAnnounce>(&event)) {
        hear_trouble(EventKind::unable, cannot->why, now);
    } else if (std::holds_alternative<AllStopped>(event)) {
        running_ = 0;
        report::Event& stopped = add(EventKind::stopped, now);
        if (stopping_at_) stopped.duration = now.instant - *stopping_at_;
        stopping_at_.reset();
    }
    return std::exchange(events_, {});
}

Journal::Events Journal::act(const Action& action, const Moment& now) {
    if (std::holds_alternative<Announce>(action)) {
        changed_ = now;
        state_ = State::waiting;
        ready_at_ = now.instant;
    } else if (const auto* start = std::get_if<StartWorkers>(&action)) {
        form(start->assignment, now);
    } else if (const auto* stop = std::get_if<StopWorkers>(&action)) {
        state_ = State::stopping;
        if (!stopping_at_) stopping_at_ = now.instant;
        report::Event& stopping = add(EventKind::stopping, now);
        stopping.signal = stop->signal;
        stopping.reason = reason_;
    } else if (const auto* exit = std::get_if<Exit>(&action)) {
        conclude(exit->verdict, now);
    } else if (const auto* word = std::get_if<Tell>(&action)) {
        const auto* unable = std::get_if<coordinator::Unable>(&word->message);
        if (unable != nullptr && state_ == State::joining) {
            hear_trouble(EventKind::unable, unable->reason, now);
        }
    }
    return std::exchange(events_, {});
}

Journal::Events Journal::timer_expired(const watchdog::Happening& happening, const Moment& now) {
    const watchdog::Expired& timer = happening.timer;
    const report::EventTimer shown{timer.pid, timer.scope, timer.expired_at, timer.signal};
    add(EventKind::timer_expired, now).timer = shown;
    events_.back().reason = happening.words;
    if (happening.killed) {
        report::Event& killed = add(EventKind::killed_by_timer, now);
        killed.timer = shown;
        killed.signal = timer.signal;
    }
    return std::exchange(events_, {});
}

void Journal::form(const coordinator::Assignment& assignment, const Moment& now) {
    assignment_ = assignment;
    round_ = true;
    state_ = State::running;
    forked_at_ = now.instant;
    failed_at_.reset();
    pids_.clear();
    add(EventKind::rendezvous, now).duration = now.instant - ready_at_;
    add(EventKind::ranks_assigned, now).duration = Duration::zero();
    add(EventKind::round_formed, now).duration = now.instant - wanted_since_;
}

void Journal::hear_start(const WorkersStarted& started, const Moment& now) {
    pids_ = started.pids;
    running_ = static_cast<int>(pids_.size());
    for (int rank = 0; rank < running_; ++rank)
        add(EventKind::worker_started, now).worker = worker(rank);
    add(EventKind::workers_started, now).duration = now.instant - forked_at_;
}

void Journal::hear_end(const WorkerEnded& ended, const Moment& now) {
    if (running_ > 0) --running_;
    const auto kind = stopping_at_    ? EventKind::worker_terminated
                      : ended.failure ? EventKind::worker_failed
                                      : EventKind::worker_succeeded;
    report::Event& event = add(kind, now);
    event.worker = worker(ended.local_rank);
    event.duration = now.instant - forked_at_;
    if (!ended.failure) {
        event.exit_code = 0;
        return;
    }
    if (ended.failure->signal != 0) {
        event.signal = ended.failure->signal;
    } else {
        event.exit_code = coordinator::shell_code(*ended.failure);
    }
    if (!ended.failure->message.empty() || !ended.failure->traceback.empty()) {
        event.error = ended.failure->message;
        event.traceback = ended.failure->traceback;
    }
    if (!failed_at_) failed_at_ = now.instant;
}

void Journal::hear_stop(const coordinator::Stop& stop, const Moment& now) {
    if (state_ != State::running || stop.round != assignment_.round) return;
    reason_ = stop.reason;
    wanted_since_ = failed_at_.value_or(now.instant);
    report::Event& event = add(EventKind::restarting, now);
    event.reason = stop.reason;
    event.duration = now.instant - forked_at_;
}

void Journal::hear_trouble(EventKind kind, const std::string& reason, const Moment& now) {
    reason_ = reason;
    add(kind, now).reason = reason;
}

void Journal::conclude(const coordinator::Verdict& verdict, const Moment& now) {
    state_ = State::over;
    report::Event& event = add(EventKind::verdict, now);
    event.duration = now.instant - start_.instant;
    event.outcome = words(verdict.outcome);
    event.exit_code = verdict.exit_code;
    event.reason = verdict.reason;
    add(verdict.outcome == coordinator::Outcome::succeeded ? EventKind::agent_succeeded
                                                           : EventKind::agent_failed,
        now);
}

report::Event& Journal::add(EventKind kind, const Moment& now) {
    changed_ = now;
    report::Event& event = events_.emplace_back();
    event.kind = kind;
    event.at = now.wall;
    event.since_start = now.instant - start_.instant;
    if (!round_) return event;
    event.group_rank = assignment_.group_rank;
    event.group_world_size = assignment_.group_world_size;
    event.round = assignment_.round;
    event.restarts = assignment_.restart_count;
    return event;
}

report::EventWorker Journal::worker(int local_rank) const {
    report::EventWorker worker;
    worker.rank = assignment_.first_rank + local_rank;
    worker.local_rank = local_rank;
    worker.role_rank = assignment_.first_role_rank + local_rank;
    worker.role_world_size = assignment_.role_world_size;
    const auto index = static_cast<std::size_t>(local_rank);
    if (index < pids_.size()) worker.pid = pids_[index];
    return worker;
}

}  // namespace torchelastic::agent
