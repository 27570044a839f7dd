// The agent's table of state times event.
#include "agent/lifecycle.h"

#include <csignal>
#include <utility>

#include "base/signal_name.h"

namespace torchelastic::agent {

namespace {

using namespace coordinator;

Verdict lost_coordinator(const std::string& why) {
    return {Outcome::coordinator_lost, 1, "lost the coordinator: " + why};
}

Verdict interrupted(int signal) {
    return {Outcome::interrupted, 128 + signal, "told to end by " + signal_name(signal)};
}

}  // namespace

// clang-format off
const Lifecycle::Handler Lifecycle::kTable[kStates][kEvents] = {
    // events:  assignment                  stop                         finish
    //          workers started             worker ended                 all stopped
    //          signalled                   link lost                    new coordinator
    //          no coordinator              cannot announce
    /* waiting */
    {&Lifecycle::start,               &Lifecycle::ignore,              &Lifecycle::end_now,
     &Lifecycle::ignore,              &Lifecycle::ignore,              &Lifecycle::ignore,
     &Lifecycle::leave_idle,          &Lifecycle::lose_idle,           &Lifecycle::ignore,
     &Lifecycle::ignore,              &Lifecycle::admit_trouble},
    /* running */
    {&Lifecycle::ignore,              &Lifecycle::stop,                &Lifecycle::stop_and_end,
     &Lifecycle::report_started,      &Lifecycle::report_ended,        &Lifecycle::ignore,
     &Lifecycle::leave_running,       &Lifecycle::lose_running,        &Lifecycle::ignore,
     &Lifecycle::ignore,              &Lifecycle::ignore},
    /* stopping */
    {&Lifecycle::ignore,              &Lifecycle::ignore,              &Lifecycle::end_after_stop,
     &Lifecycle::ignore,              &Lifecycle::report_victim,       &Lifecycle::announce_again,
     &Lifecycle::leave_stopping,      &Lifecycle::lose_stopping,       &Lifecycle::ignore,
     &Lifecycle::ignore,              &Lifecycle::ignore},
    /* leaving */
    {&Lifecycle::ignore,              &Lifecycle::ignore,              &Lifecycle::end_after_stop,
     &Lifecycle::ignore,              &Lifecycle::report_victim,       &Lifecycle::all_stopped_leaving,
     &Lifecycle::insist,              &Lifecycle::lose_leaving,        &Lifecycle::ignore,
     &Lifecycle::ignore,              &Lifecycle::ignore},
    /* left */
    {&Lifecycle::ignore,              &Lifecycle::ignore,              &Lifecycle::end_now,
     &Lifecycle::ignore,              &Lifecycle::ignore,              &Lifecycle::ignore,
     &Lifecycle::ignore,              &Lifecycle::lose_left,           &Lifecycle::ignore,
     &Lifecycle::ignore,              &Lifecycle::ignore},
    /* bereft */
    {&Lifecycle::ignore,              &Lifecycle::ignore,              &Lifecycle::end_after_stop,
     &Lifecycle::ignore,              &Lifecycle::ignore,              &Lifecycle::rest,
     &Lifecycle::end_alone_stopping,  &Lifecycle::ignore,              &Lifecycle::go_on_stopping,
     &Lifecycle::despair_stopping,    &Lifecycle::ignore},
    /* orphaned */
    {&Lifecycle::ignore,              &Lifecycle::ignore,              &Lifecycle::end_now,
     &Lifecycle::ignore,              &Lifecycle::ignore,              &Lifecycle::ignore,
     &Lifecycle::end_alone,           &Lifecycle::ignore,              &Lifecycle::announce_again,
     &Lifecycle::despair,             &Lifecycle::ignore},
    /* ending */
    {&Lifecycle::ignore,              &Lifecycle::ignore,              &Lifecycle::ignore,
     &Lifecycle::ignore,              &Lifecycle::report_victim,       &Lifecycle::all_stopped_ending,
     &Lifecycle::insist,              &Lifecycle::ignore,              &Lifecycle::ignore,
     &Lifecycle::ignore,              &Lifecycle::ignore},
    /* over */
    {&Lifecycle::ignore,              &Lifecycle::ignore,              &Lifecycle::ignore,
     &Lifecycle::ignore,              &Lifecycle::ignore,              &Lifecycle::ignore,
     &Lifecycle::hurry,               &Lifecycle::ignore,              &Lifecycle::ignore,
     &Lifecycle::ignore,              &Lifecycle::ignore},
};
// clang-format on

std::vector<Action> Lifecycle::begin(const std::optional<std::string>& trouble) {
    if (trouble) {
        tell(Unable{*trouble});
    } else {
        actions_.emplace_back(Announce{});
    }
    return std::exchange(actions_, {});
}

std::vector<Action> Lifecycle::handle(const Event& event) {
    (this->*kTable[static_cast<std::size_t>(state_)][event.index()])(event);
    return std::exchange(actions_, {});
}

std::string_view Lifecycle::state() const {
    constexpr std::string_view kNames[kStates] = {"waiting",  "running", "stopping",
                                                  "leaving",  "left",    "bereft",
                                                  "orphaned", "ending",  "over"};
    return kNames[static_cast<std::size_t>(state_)];
}

void Lifecycle::ignore(const Event&) {}

void Lifecycle::start(const Event& event) {
    assignment_ = std::get<Assignment>(event);
    succeeded_.clear();
    state_ = State::running;
    actions_.emplace_back(StartWorkers{assignment_});
}

void Lifecycle::stop(const Event& event) {
    if (std::get<Stop>(event).round != assignment_.round) return;
    state_ = State::stopping;
    stop_workers(Notice::Event::restart, std::get<Stop>(event).reason);
}

void Lifecycle::stop_and_end(const Event& event) {
    end_after_stop(event);
    const bool told = verdict_.outcome == Outcome::interrupted;
    stop_workers(told ? Notice::Event::interrupt : Notice::Event::end, verdict_.reason);
}

void Lifecycle::end_after_stop(const Event& event) {
    verdict_ = std::get<Finish>(event).verdict;
    state_ = State::ending;
}

void Lifecycle::end_now(const Event& event) {
    verdict_ = std::get<Finish>(event).verdict;
    exit();
}

void Lifecycle::report_started(const Event&) {
    tell(Started{assignment_.round});
}

void Lifecycle::report_ended(const Event& event) {
    const auto& ended = std::get<WorkerEnded>(event);
    if (ended.failure) {
        tell(Failed{assignment_.round, *ended.failure});
        return;
    }
    succeeded_.insert(ended.local_rank);
    if (static_cast<int>(succeeded_.size()) == workers_) tell(Succeeded{assignment_.round});
}

void Lifecycle::report_victim(const Event& event) {
    const auto& ended = std::get<WorkerEnded>(event);
    if (!ended.failure) return;
    Failed failed{assignment_.round, *ended.failure};
    failed.failure.ordered = true;
    tell(std::move(failed));
}

void Lifecycle::announce_again(const Event&) {
    state_ = State::waiting;
    actions_.emplace_back(Announce{});
}

void Lifecycle::all_stopped_leaving(const Event&) {
    state_ = State::left;
}

void Lifecycle::all_stopped_ending(const Event&) {
    exit();
}

void Lifecycle::leave_idle(const Event& event) {
    signal_ = std::get<Signalled>(event).signal;
    state_ = State::left;
    tell(Leaving{signal_});
}

void Lifecycle::leave_running(const Event& event) {
    leave_stopping(event);
    actions_.emplace_back(
        StopWorkers{signal_, Notice::Event::interrupt, interrupted(signal_).reason});
}

void Lifecycle::leave_stopping(const Event& event) {
    signal_ = std::get<Signalled>(event).signal;
    state_ = State::leaving;
    tell(Leaving{signal_});
}

/// Whoever presses Ctrl-C twice does not want to wait. Slurm sends SIGTERM again where a grace
/// time ends, and has SIGKILL for what comes after it. The first signal may come late: Slurm sends
/// it to all nodes, and the verdict that another node brought about can be faster.
void Lifecycle::insist(const Event& event) {
    const int before = std::exchange(signal_, std::get<Signalled>(event).signal);
    const bool keyboard = signal_ == SIGINT || signal_ == SIGQUIT;
    if (before == 0 || !keyboard) return;
    actions_.emplace_back(
        StopWorkers{SIGKILL, Notice::Event::interrupt, interrupted(signal_).reason});
}

void Lifecycle::admit_trouble(const Event& event) {
    tell(Unable{std::get<CannotAnnounce>(event).why});
}

void Lifecycle::lose_idle(const Event&) {
    state_ = State::orphaned;
}

/// Its round is over in any case: the node of the coordinator took part in it, or others have lost
/// the coordinator as well.
void Lifecycle::lose_running(const Event& event) {
    lose_stopping(event);
    stop_workers(Notice::Event::restart, "lost the coordinator: " + std::get<LinkLost>(event).why);
}

void Lifecycle::lose_stopping(const Event&) {
    state_ = State::bereft;
}

void Lifecycle::lose_left(const Event&) {
    verdict_ = interrupted(signal_);
    exit();
}

void Lifecycle::lose_leaving(const Event&) {
    verdict_ = interrupted(signal_);
    state_ = State::ending;
}

void Lifecycle::rest(const Event&) {
    state_ = State::orphaned;
}

void Lifecycle::go_on_stopping(const Event&) {
    state_ = State::stopping;
}

void Lifecycle::despair(const Event& event) {
    verdict_ = lost_coordinator(std::get<NoCoordinator>(event).why);
    exit();
}

void Lifecycle::despair_stopping(const Event& event) {
    verdict_ = lost_coordinator(std::get<NoCoordinator>(event).why);
    state_ = State::ending;
}

void Lifecycle::end_alone(const Event& event) {
    signal_ = std::get<Signalled>(event).signal;
    lose_left(event);
}

void Lifecycle::end_alone_stopping(const Event& event) {
    signal_ = std::get<Signalled>(event).signal;
    lose_leaving(event);
}

/// The coordinator of this process may still wait for others.
void Lifecycle::hurry(const Event& event) {
    tell(Leaving{std::get<Signalled>(event).signal});
}

void Lifecycle::stop_workers(Notice::Event why, const std::string& reason) {
    actions_.emplace_back(StopWorkers{SIGTERM, why, reason});
}

void Lifecycle::tell(Up message) {
    actions_.emplace_back(Tell{std::move(message)});
}

void Lifecycle::exit() {
    state_ = State::over;
    tell(Ended{});
    actions_.emplace_back(Exit{verdict_});
}

}  // namespace torchelastic::agent
