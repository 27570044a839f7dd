// Performing the lifecycle's actions.
#include "agent/agent.h"

#include <unistd.h>

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "agent/error_file.h"
#include "base/signal_name.h"
#include "net/host.h"
#include "rdzv/own_addresses.h"
#include "report/failure_report.h"

namespace torchelastic::agent {

namespace {

using namespace coordinator;

constexpr Duration kFarewell = std::chrono::seconds(2);

/// From the signal to the coordinator's word about it.
constexpr Duration kSameSignal = std::chrono::seconds(5);

}  // namespace

Agent::Agent(net::Loop& loop, report::Log& log, process::Reaper& reaper, Setup setup, Logs logs,
             std::function<void(const Verdict&)> ended)
    : loop_(loop),
      log_(log),
      setup_(std::move(setup)),
      ended_(std::move(ended)),
      own_card_(card()),
      lifecycle_(setup_.workers.setting.workers),
      workers_(loop, log, reaper, setup_.workers, std::move(logs), setup_.meeting.id,
               [this](int local_rank, std::optional<WorkerFailure> failed) {
                   handle(WorkerEnded{local_rank, std::move(failed)});
               }),
      deadline_(loop, reaper, setup_.workers.environment),
      store_(loop, log, setup_.workers.options, setup_.workers.environment, setup_.meeting.address,
             setup_.workers.alone) {}

void Agent::begin() {
    if (auto* host = std::get_if<rdzv::Host>(&setup_.meeting.place)) {
        coordinate(std::move(*host));
    } else {
        follow(std::move(std::get<rdzv::Guest>(setup_.meeting.place).session));
        if (setup_.door) stand_by();
    }
    join();
}

void Agent::coordinate(rdzv::Host host) {
    hub_.emplace(loop_, log_, setup_.plan, setup_.meeting.id, hub_handlers());
    if (!host.listener) return;
    hub_->open(std::move(*host.listener), setup_.meeting.credentials, setup_.keep_alive);
}

HubHandlers Agent::hub_handlers() {
    return {.to_own = [this](const Down& message) { hear(message); },
            .done =
                [this](const Done& done) {
                    done_ = done;
                    end_if_done();
                },
            .ask_deadline = [this](Deadline::Answer answer) { deadline_.ask(std::move(answer)); }};
}

void Agent::follow(rdzv::Session session) {
    session_.emplace(std::move(session));
    session_->hand_over({.proven = nullptr,
                         .message =
                             [this](const wire::Message& message) {
                                 std::visit(
                                     [this](const auto& each) {
                                         using Kind = std::decay_t<decltype(each)>;
                                         if constexpr (std::is_constructible_v<Down, const Kind&>)
                                             hear(each);
                                     },
                                     message);
                             },
                         .closed = [this](const std::string& why) { lose(why); }});
}

/// The connection to whoever coordinates, or is asked to, is gone.
void Agent::lose(const std::string& why) {
    workers_.hurry();  // the reader of our consoles may be cut off, too
    const bool died = session_->peer_died();
    if (reelection_ && reelection_->asks()) return reelection_->missed(why);
    handle(LinkLost{why});
    if (!lifecycle_.seeks_coordinator()) return;
    if (reelection_) return reelection_->lost(why, died);
    handle(NoCoordinator{why});
}

void Agent::stand_by() {
    reelection_.emplace(
        loop_, log_, std::move(*setup_.door), own_card_, setup_.meeting.credentials,
        setup_.keep_alive,
        ReelectionHandlers{
            .reached = [this](rdzv::Session session) { follow(std::move(session)); },
            .tell = [this](const Up& message) { tell(message); },
            .elected =
                [this](const Inheritance& inheritance, const Report& own,
                       std::vector<Supporter> supporters) {
                    take_over(inheritance, own, std::move(supporters));
                },
            .joined = [this](rdzv::Session session) { hub_->enter(std::move(session)); },
            .failed = [this](const std::string& why) { handle(NoCoordinator{why}); }});
}

void Agent::take_over(const Inheritance& inheritance, const Report& own,
                      std::vector<Supporter> supporters) {
    session_.reset();
    Plan plan = setup_.plan;
    plan.coordinator = setup_.meeting.id;
    plan.regather = patience(setup_.keep_alive);
    plan.regather_after_death = setup_.keep_alive.interval;
    hub_.emplace(loop_, log_, plan, inheritance, setup_.meeting.id, hub_handlers());
    hub_->from_own(own);
    handle(NewCoordinator{});
    for (Supporter& each : supporters)
        hub_->enter(std::move(each.session), each.report);
}

void Agent::hear(const Down& message) {
    std::visit(
        [this](const auto& each) {
            using Kind = std::decay_t<decltype(each)>;
            if constexpr (requires(Reelection & reelection) { reelection.hear(each); }) {
                if (reelection_) reelection_->hear(each);
            }
            if constexpr (std::is_same_v<Kind, Lead>) {
                handle(NewCoordinator{});
            } else if constexpr (std::is_same_v<Kind, Notify>) {
                pass_on(each);
            } else if constexpr (std::is_constructible_v<Event, const Kind&>) {
                handle(each);
            }
        },
        message);
}

Card Agent::card() const {
    Card card;
    card.id = setup_.meeting.id;
    card.address = setup_.meeting.address;
    card.order = setup_.meeting.order;
    card.workers = setup_.workers.setting.workers;
    card.role = setup_.workers.setting.role;
    card.pid = ::getpid();
    if (!setup_.workers.alone) card.other_addresses = rdzv::own_addresses(net::interfaces());
    if (setup_.door) card.port = setup_.door->port();
    return card;
}

void Agent::join() {
    tell(Hello{own_card_});
    for (const Action& each : lifecycle_.begin(setup_.trouble))
        perform(each);
}

void Agent::told_to_end(int signal) {
    workers_.hurry();
    if (hub_) setup_.requeue.told_to_end();
    handle(Signalled{signal});
}

void Agent::notice(int signal, bool have_it) {
    if (have_it) direct_[signal] = std::chrono::steady_clock::now();
    if (!lifecycle_.seeks_coordinator()) tell(Notified{signal});
}

void Agent::pass_on(const Notify& notify) {
    const auto direct = direct_.extract(notify.signal);
    const bool have_it =
        !direct.empty() && std::chrono::steady_clock::now() - direct.mapped() < kSameSignal;
    Notice notice{.event = Notice::Event::notify, .signal = notify.signal};
    notice.reason = signal_name(notify.signal) + " was sent to the job";
    if (notify.deadline_s > 0) notice.deadline = WallTime(std::chrono::seconds(notify.deadline_s));
    workers_.notify(std::move(notice), have_it);
}

void Agent::handle(const Event& event) {
    if (setup_.witness.hears) setup_.witness.hears(event);
    if (const auto* stop = std::get_if<Stop>(&event)) pass_word(stop->reason);
    for (const Action& each : lifecycle_.handle(event))
        perform(each);
    if (reelection_ && !lifecycle_.seeks_coordinator()) reelection_->retire();
}

void Agent::perform(const Action& action) {
    if (setup_.witness.does) setup_.witness.does(action);
    if (const auto* word = std::get_if<Tell>(&action)) {
        tell(word->message);
    } else if (std::holds_alternative<Announce>(action)) {
        announce();
    } else if (const auto* start = std::get_if<StartWorkers>(&action)) {
        start_workers(start->assignment);
    } else if (const auto* stop = std::get_if<StopWorkers>(&action)) {
        stop_workers(*stop);
    } else if (const auto* end = std::get_if<Exit>(&action)) {
        exit(end->verdict);
    }
}

void Agent::stop_workers(const StopWorkers& order) {
    workers_.stop({.event = order.why, .signal = order.signal, .reason = order.reason},
                  [this] { handle(AllStopped{}); });
}

void Agent::tell(const Up& message) {
    const auto* failed = std::get_if<Failed>(&message);
    if (failed != nullptr && !failed->failure.ordered && !own_cause_) {
        own_cause_ = failed->failure;
    }
    if (hub_) return hub_->from_own(message);
    std::visit([this](const auto& each) { session_->send(wire::Message(each)); }, message);
}

void Agent::announce() {
    auto ready = store_.prepare();
    if (!ready) return handle(CannotAnnounce{ready.error().text()});
    tell(*ready);
}

void Agent::start_workers(const Assignment& assignment) {
    store_.begin(assignment);
    own_cause_.reset();
    if (auto never = workers_.start(assignment)) return handle(WorkerEnded{0, std::move(*never)});
    handle(WorkersStarted{workers_.pids()});
}

void Agent::exit(const Verdict& verdict) {
    verdict_ = verdict;
    if (hub_ || verdict.outcome == Outcome::coordinator_lost) {
        setup_.requeue.conclude(verdict.outcome);
    }
    store_.close();
    // The verdict is the coordinator's to print. This agent speaks where nobody else can.
    if (verdict.outcome == Outcome::refused || verdict.outcome == Outcome::coordinator_lost) {
        log_.error(verdict.reason);
    } else if (verdict.exit_code != 0) {
        pass_word(verdict.reason);
    }
    if (session_) session_->close_when_sent(kFarewell);
    end_if_done();
}

/// One line of what the coordinator has decided, for who sees this node's console only.
void Agent::pass_word(const std::string& reason) {
    if (!hub_ && setup_.own_console) log_.warning(reason);
}

void Agent::end_if_done() {
    if (hub_ && !done_) return;
    if (hub_ && done_->verdict.outcome == Outcome::worker_failed) {
        log_.verbatim(report::failure_report(setup_.workers.options.script, done_->failures));
    }
    // What this node was told may be less than what became of the job: that it should go.
    const Verdict& verdict = verdict_ ? *verdict_ : done_->verdict;
    if (verdict.exit_code != 0) leave_error_file(verdict);
    ended_(verdict);
}

/// For whoever started us. Several agents may have been given one path: only those write who know
/// the cause, or whom nobody told any.
void Agent::leave_error_file(const Verdict& verdict) {
    const bool by_worker = verdict.outcome == Outcome::worker_failed;
    if (by_worker && hub_ && !done_->failures.empty()) own_cause_ = done_->failures.front();
    std::string document;
    if (by_worker && own_cause_) {
        document = error_document(*own_cause_);
    } else if (hub_ || verdict.outcome == Outcome::refused ||
               verdict.outcome == Outcome::coordinator_lost) {
        document =
            error_document(verdict.reason, verdict.exit_code, std::chrono::system_clock::now());
    } else {
        return;
    }
    if (auto left = agent::leave_error_file(setup_.workers.environment, document); !left) {
        log_.error(left.error().text());
    }
}

}  // namespace torchelastic::agent
