// Performing the lifecycle's actions.
#include "agent/agent.h"

#include <unistd.h>

#include <utility>

#include <fmt/format.h>

#include "agent/command.h"
#include "agent/error_file.h"
#include "base/text.h"
#include "net/host.h"
#include "process/prefix.h"
#include "process/streams.h"
#include "report/failure_report.h"

namespace torchelastic::agent {

namespace {

using namespace coordinator;

/// How long a console that takes nothing may delay the end of a round.
constexpr Duration kDrain = std::chrono::seconds(5);
constexpr Duration kFarewell = std::chrono::seconds(2);

std::string short_hostname() {
    const std::string full = net::host_name();
    return full.substr(0, full.find('.'));
}

process::Stream stream(const process::Route& route, const std::string& file) {
    switch (route.to) {
        case process::Route::To::file:
            return process::Stream::file(file);
        case process::Route::To::null:
            return process::Stream::null();
        case process::Route::To::console:
            break;
    }
    return {};
}

process::Routes routes(const options::Options& options, int local_rank, bool has_files) {
    const options::Streams redirect = options.redirects.of(local_rank);
    const options::Streams tee = options.tee.of(local_rank);
    return process::route(local_rank, {redirect.out, redirect.err}, {tee.out, tee.err},
                          options.local_ranks_filter, has_files);
}

}  // namespace

Agent::Agent(net::Loop& loop, report::Log& log, process::Reaper& reaper, Setup setup, Logs logs,
             std::function<void(int)> ended)
    : loop_(loop),
      log_(log),
      reaper_(reaper),
      setup_(std::move(setup)),
      logs_(std::move(logs)),
      ended_(std::move(ended)),
      lifecycle_(setup_.setting.workers),
      output_(loop) {}

void Agent::begin() {
    if (auto* host = std::get_if<rdzv::Host>(&setup_.meeting.place)) {
        hub_.emplace(loop_, log_, setup_.plan, setup_.meeting.id,
                     HubHandlers{.to_own =
                                     [this](const Down& message) {
                                         std::visit([this](const auto& each) { handle(each); },
                                                    message);
                                     },
                                 .done =
                                     [this](const Done& done) {
                                         done_ = done;
                                         end_if_done();
                                     }});
        if (host->listener) {
            hub_->open(std::move(*host->listener), setup_.meeting.credentials, setup_.keep_alive);
        }
    } else {
        session_.emplace(std::move(std::get<rdzv::Guest>(setup_.meeting.place).session));
        session_->hand_over(
            {.proven = nullptr,
             .message =
                 [this](const wire::Message& message) {
                     std::visit(
                         [this](const auto& each) {
                             using Kind = std::decay_t<decltype(each)>;
                             if constexpr (std::is_constructible_v<Down, const Kind&>) {
                                 handle(each);
                             }
                         },
                         message);
                 },
             .closed = [this](const std::string& why) { handle(LinkLost{why}); }});
    }
    join();
}

void Agent::join() {
    Card card;
    card.id = setup_.meeting.id;
    card.address = setup_.meeting.address;
    card.order = setup_.meeting.order;
    card.workers = setup_.setting.workers;
    card.role = setup_.setting.role;
    card.pid = ::getpid();
    tell(Hello{card});
    for (const Action& each : lifecycle_.begin(setup_.trouble))
        perform(each);
}

void Agent::told_to_end(int signal) {
    handle(Signalled{signal});
}

void Agent::pass_on(int signal) {
    if (group_) group_->signal_all(signal);
}

void Agent::handle(const Event& event) {
    for (const Action& each : lifecycle_.handle(event))
        perform(each);
}

void Agent::perform(const Action& action) {
    if (const auto* word = std::get_if<Tell>(&action)) {
        tell(word->message);
    } else if (std::holds_alternative<Announce>(action)) {
        announce();
    } else if (const auto* start = std::get_if<StartWorkers>(&action)) {
        start_workers(start->assignment);
    } else if (const auto* stop = std::get_if<StopWorkers>(&action)) {
        stop_workers(stop->signal);
    } else if (const auto* end = std::get_if<Exit>(&action)) {
        exit(end->verdict);
    }
}

void Agent::tell(const Up& message) {
    if (hub_) return hub_->from_own(message);
    std::visit([this](const auto& each) { session_->send(wire::Message(each)); }, message);
}

/// Every round has a store of its own, on a port of its own: what a straggler of the last round
/// still says cannot be heard, and the port is bound before anyone is told of it.
void Agent::announce() {
    store_.reset();
    reserved_.reset();
    if (rank0_serves_store(setup_.options.worker_store, setup_.environment)) {
        auto port = net::ReservedPort::open();
        if (!port) return handle(CannotAnnounce{port.error().text()});
        reserved_ = std::move(*port);
        return tell(Ready{reserved_->port(), false});
    }
    auto server = store::Server::open(loop_, alone() ? setup_.meeting.address : "", 0,
                                      [this](const std::string& line) { log_.warning(line); });
    if (!server) {
        return handle(
            CannotAnnounce{std::move(server).error().because("open the workers' store").text()});
    }
    store_ = std::move(*server);
    tell(Ready{store_->port(), true});
}

/// Only the nodes of the round are let in: torch's clients can prove nothing more. A node whose
/// workers go out by another address than its agent (--local-addr) cannot be told from a stranger.
void Agent::open_store(const Assignment& assignment) {
    if (!setup_.options.local_addr) {
        std::vector<std::string> members = split(assignment.members, ' ');
        members.insert(members.end(), {"127.0.0.1", "::1"});
        store_->allow(members);
    }
    store_->start();
}

void Agent::start_workers(const Assignment& assignment) {
    assignment_ = assignment;
    if (assignment.group_rank != 0) {
        store_.reset();
        reserved_.reset();
    }
    if (store_) open_store(assignment);
    auto workers = prepare(assignment);
    Result<process::Group> group =
        workers ? process::Group::start(
                      loop_, reaper_, *workers,
                      [this](const process::WorkerExit& exit) { worker_exited(exit); })
                : failure(workers.error());
    Result<void> followed;
    if (group) {
        group_ = std::move(*group);
        for (int rank = 0; rank < setup_.setting.workers && followed; ++rank) {
            followed = follow_worker(assignment, rank);
        }
        if (!followed) log_.error(followed.error().text());
        return handle(WorkersStarted{});
    }
    WorkerFailure never{.agent = setup_.meeting.id, .rank = assignment.first_rank};
    never.never_started = true;
    never.message = group.error().text();
    never.time_us = std::chrono::duration_cast<std::chrono::microseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count();
    handle(WorkerEnded{0, never});
}

Result<std::vector<process::Worker>> Agent::prepare(const Assignment& assignment) {
    std::vector<process::Worker> workers;
    for (int rank = 0; rank < setup_.setting.workers; ++rank) {
        auto worker = prepare_worker(assignment, rank);
        if (!worker) return failure(std::move(worker).error());
        workers.push_back(std::move(*worker));
    }
    return workers;
}

Result<process::Worker> Agent::prepare_worker(const Assignment& assignment, int local_rank) {
    const auto made = logs_.folder(assignment.round, local_rank);
    if (!made) return failure(made.error());
    const process::Routes to = routes(setup_.options, local_rank, logs_.has_files());
    process::Worker worker;
    worker.local_rank = local_rank;
    worker.command.argv = worker_command(setup_.options, setup_.environment, local_rank);
    worker.command.environment =
        worker_environment(setup_.environment, setup_.setting, assignment, local_rank,
                           made->empty() ? "" : *made + "/error.json");
    worker.command.open_files = setup_.open_files;
    // Several nodes have one stdin between them, which Slurm copies to each: nobody's to read.
    if (!alone()) worker.stdio.in = process::Stdio::In::null;
    worker.stdio.out = stream(to.out, *made + "/stdout.log");
    worker.stdio.err = stream(to.err, *made + "/stderr.log");
    return worker;
}

Result<void> Agent::follow_worker(const Assignment& assignment, int local_rank) {
    const process::Routes to = routes(setup_.options, local_rank, logs_.has_files());
    const std::string prefix = process::prefix(setup_.options.log_line_prefix_template,
                                               {.role_name = setup_.setting.role,
                                                .local_rank = local_rank,
                                                .rank = assignment.first_rank + local_rank,
                                                .hostname = short_hostname()});
    const std::string in = folder(local_rank);
    if (to.out.tee) {
        auto followed = output_.follow(in + "/stdout.log", process::Output::Shown::out, prefix);
        if (!followed) return followed;
    }
    if (to.err.tee) return output_.follow(in + "/stderr.log", process::Output::Shown::err, prefix);
    return {};
}

std::string Agent::folder(int local_rank) const {
    const auto path = logs_.folder(assignment_.round, local_rank);
    return path ? *path : std::string();
}

void Agent::worker_exited(const process::WorkerExit& exit) {
    if (exit.status.success()) return handle(WorkerEnded{exit.local_rank, std::nullopt});
    WorkerFailure failure{.agent = setup_.meeting.id, .local_rank = exit.local_rank};
    failure.rank = assignment_.first_rank + exit.local_rank;
    failure.pid = exit.pid;
    failure.signal = exit.status.signal();
    failure.exit_code = exit.status.signal() == 0 ? exit.status.code() : 0;
    failure.time_us =
        std::chrono::duration_cast<std::chrono::microseconds>(exit.at.time_since_epoch()).count();
    if (logs_.has_files()) {
        const std::string path = folder(exit.local_rank) + "/error.json";
        if (auto recorded = read_error_file(path)) {
            if (setup_.keeps_logs) failure.error_file = path;
            failure.message = std::move(recorded->message);
            failure.traceback = std::move(recorded->traceback);
        }
    }
    handle(WorkerEnded{exit.local_rank, std::move(failure)});
}

void Agent::stop_workers(int signal) {
    if (!group_) return loop_.post([this] { workers_stopped({}); });
    group_->stop(
        signal, setup_.options.shutdown_timeout,
        [this](const std::vector<process::Process>& stragglers) { workers_stopped(stragglers); });
}

void Agent::workers_stopped(const std::vector<process::Process>& stragglers) {
    for (const process::Process& each : stragglers) {
        log_.error("cannot be killed, even by SIGKILL: " + process::words(each));
    }
    group_.reset();
    output_.finish(kDrain, [this](bool complete) {
        if (!complete) log_.warning("the console takes no output: the rest is in " + logs_.root());
        handle(AllStopped{});
    });
}

void Agent::exit(const Verdict& verdict) {
    verdict_ = verdict;
    store_.reset();
    reserved_.reset();
    // The verdict is the coordinator's to print. This agent speaks where nobody else can.
    if (verdict.outcome == Outcome::refused || verdict.outcome == Outcome::coordinator_lost) {
        log_.error(verdict.reason);
    }
    if (session_) session_->close_when_sent(kFarewell);
    end_if_done();
}

void Agent::end_if_done() {
    if (hub_ && !done_) return;
    if (hub_ && done_->verdict.outcome == Outcome::worker_failed) {
        log_.verbatim(report::failure_report(setup_.options.script, done_->failures));
    }
    const int code = hub_ ? done_->verdict.exit_code : verdict_->exit_code;
    ended_(code);
}

}  // namespace torchelastic::agent
