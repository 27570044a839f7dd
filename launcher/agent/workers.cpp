// Making, following and ending workers.
#include "agent/workers.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include "agent/command.h"
#include "agent/error_file.h"
#include "agent/last_lines.h"
#include "agent/script.h"
#include "base/text.h"
#include "net/host.h"
#include "process/keeper.h"
#include "process/prefix.h"

namespace torchelastic::agent {

namespace {

using coordinator::WorkerFailure;

/// How long a console that takes nothing may delay the end of a round.
constexpr Duration kDrain = std::chrono::seconds(5);

bool ends_programs(int signal) {
    return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

std::string short_hostname() {
    const std::string full = net::host_name();
    return full.substr(0, full.find('.'));
}

std::int64_t microseconds(WallTime at) {
    return std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
}

/// Both ends of two pipes, and what starting and watching a worker takes.
constexpr rlim_t kDescriptors = 6;
constexpr rlim_t kOurs = 64;

/// A file that is there, and no program.
bool is_forbidden(const std::string& script) {
    return ::access(script.c_str(), F_OK) == 0 && ::access(script.c_str(), X_OK) != 0;
}

bool pipes_fit(int workers) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return true;
    return limit.rlim_cur >= kOurs + kDescriptors * static_cast<rlim_t>(workers);
}

}  // namespace

Workers::Workers(net::Loop& loop, report::Log& log, process::Reaper& reaper, WorkerSetup setup,
                 Logs logs, coordinator::AgentId self, EndHandler ended)
    : loop_(loop),
      log_(log),
      reaper_(reaper),
      setup_(std::move(setup)),
      logs_(std::move(logs)),
      self_(std::move(self)),
      ended_(std::move(ended)),
      output_(loop, setup_.consoles,
              {.warn = [this](const std::string& line) { log_.warning(line); },
               .growing = [this] { tell_if_full(logs_.room()); }}),
      suspicion_(loop),
      notifier_(loop, log,
                [this] { return group_ ? group_->running_pids() : std::vector<pid_t>(); }) {
    const options::Options& options = setup_.options;
    if (!logs_.has_files() &&
        (options.duplicate_stdout_filters || options.duplicate_stderr_filters)) {
        log_.warning(
            "--duplicate-stdout-filters and --duplicate-stderr-filters find nothing: "
            "--log-dir=/dev/null keeps no files");
    }
}

std::optional<WorkerFailure> Workers::start(const coordinator::Assignment& assignment) {
    assignment_ = assignment;
    stopping_ = false;
    oom_.begin();
    auto workers = prepare();
    Result<process::Group> group =
        workers
            ? process::Group::start(loop_, reaper_, *workers,
                                    [this](const process::WorkerExit& exit) { take_exit(exit); })
            : failure(workers.error());
    output_.hand_over();
    if (!group) {
        WorkerFailure never{.agent = self_, .rank = assignment.first_rank};
        never.never_started = true;
        never.message = group.error().text();
        if (setup_.options.no_python && is_forbidden(setup_.options.script)) {
            never.message += " (chmod +x makes it a program; a Python script needs no --no-python)";
        }
        never.time_us = microseconds(std::chrono::system_clock::now());
        return never;
    }
    group_ = std::move(*group);
    notifier_.begin();
    show_output();
    return std::nullopt;
}

Result<std::vector<process::Worker>> Workers::prepare() {
    if (auto found = find_script(setup_.options, setup_.environment); !found) {
        return failure(std::move(found).error());
    }
    if (!setup_.keeps_logs) logs_.forget(assignment_.round - 1);
    auto made = logs_.make_folders(assignment_.round, setup_.setting.workers);
    if (!made && setup_.keeps_logs) return failure(std::move(made).error());
    if (!made) {
        log_.warning("no error files of workers: " + made.error().text());
        logs_ = Logs::none();
    }
    setup_.setting.notice_file = logs_.has_files() ? logs_.root() + "/notice.json" : "";
    notifier_.use(setup_.setting.notice_file);
    std::vector<process::Worker> workers;
    const std::vector<process::Routes> to = all_routes();
    for (int rank = 0; rank < setup_.setting.workers; ++rank) {
        auto worker = prepare(rank, to[static_cast<std::size_t>(rank)]);
        if (!worker) return failure(std::move(worker).error());
        workers.push_back(std::move(*worker));
    }
    return workers;
}

Result<process::Worker> Workers::prepare(int local_rank, const process::Routes& to) {
    using Shown = process::Output::Shown;
    const std::string in = folder(local_rank);
    process::Worker worker;
    worker.local_rank = local_rank;
    worker.command.argv = worker_command(setup_.options, setup_.environment, local_rank);
    worker.command.environment =
        worker_environment(setup_.environment, setup_.setting, assignment_, local_rank,
                           in.empty() ? "" : in + "/error.json");
    worker.command.open_files = setup_.open_files;
    if (!setup_.cpus.empty()) {
        worker.command.cpus = setup_.cpus[static_cast<std::size_t>(local_rank)];
    }
    // Several nodes have one stdin between them, which Slurm copies to each: nobody's to read.
    if (!setup_.alone) worker.stdio.in = process::Stdio::In::null;
    const std::string attempt = "start " + printable(worker.command.argv[0], 512);
    auto out = stream(to.out, Shown::out, in + "/stdout.log");
    if (!out) return failure(std::move(out).error().because(attempt));
    auto err = stream(to.err, Shown::err, in + "/stderr.log");
    if (!err) return failure(std::move(err).error().because(attempt));
    worker.stdio.out = std::move(*out);
    worker.stdio.err = std::move(*err);
    return worker;
}

Result<process::Stream> Workers::stream(const process::Route& route, process::Output::Shown shown,
                                        const std::string& file) {
    switch (route.to) {
        case process::Route::To::file:
            return process::Stream::file(file);
        case process::Route::To::null:
            return process::Stream::null();
        case process::Route::To::pipe: {
            auto pipe = output_.pipe(shown);
            if (!pipe) return failure(std::move(pipe).error());
            return process::Stream::open(*pipe);
        }
        case process::Route::To::console:
            break;
    }
    return process::Stream{};
}

/// They run already: what cannot be shown is said, and no reason to stop them.
void Workers::show_output() {
    Result<void> shown = duplicate();
    if (!shown) log_.error(shown.error().text());
    for (int rank = 0; rank < setup_.setting.workers; ++rank) {
        shown = follow(rank);
        if (!shown) return log_.error(shown.error().text());
    }
}

Result<void> Workers::duplicate() {
    using Shown = process::Output::Shown;
    if (!logs_.has_files()) return {};
    const std::string in = logs_.folder(assignment_.round);
    if (const auto& needles = setup_.options.duplicate_stdout_filters) {
        auto made = output_.duplicate(Shown::out, in + "/filtered_stdout.log", *needles);
        if (!made) return made;
    }
    if (const auto& needles = setup_.options.duplicate_stderr_filters) {
        return output_.duplicate(Shown::err, in + "/filtered_stderr.log", *needles);
    }
    return {};
}

Result<void> Workers::follow(int local_rank) {
    const process::Routes to = routes(local_rank);
    const std::string prefix = process::prefix(setup_.options.log_line_prefix_template,
                                               {.role_name = setup_.setting.role,
                                                .local_rank = local_rank,
                                                .rank = assignment_.first_rank + local_rank,
                                                .hostname = short_hostname()});
    const std::string in = folder(local_rank);
    if (to.out.tee) {
        auto followed = output_.follow(in + "/stdout.log", process::Output::Shown::out, prefix);
        if (!followed) return followed;
    }
    if (to.err.tee) return output_.follow(in + "/stderr.log", process::Output::Shown::err, prefix);
    return {};
}

process::Routes Workers::routes(int local_rank) const {
    const options::Streams redirect = setup_.options.redirects.of(local_rank);
    const options::Streams tee = setup_.options.tee.of(local_rank);
    return process::route(local_rank, {redirect.out, redirect.err}, {tee.out, tee.err},
                          setup_.options.local_ranks_filter, logs_.has_files());
}

std::vector<process::Routes> Workers::all_routes() const {
    std::vector<process::Routes> all;
    all.reserve(static_cast<std::size_t>(setup_.setting.workers));
    for (int rank = 0; rank < setup_.setting.workers; ++rank)
        all.push_back(routes(rank));
    if (pipes_fit(setup_.setting.workers)) {
        process::part(all, output_.mixing());
    } else {
        log_.info("no pipe for each of so many workers (ulimit -n): their lines may mix");
    }
    return all;
}

std::string Workers::folder(int local_rank) const {
    return logs_.folder(assignment_.round, local_rank);
}

void Workers::take_exit(const process::WorkerExit& exit) {
    const bool may_be_told = setup_.signals_reach_workers && ends_programs(exit.status.signal());
    if (!may_be_told || stopping_) return report(exit);
    // It may have died of a signal to the whole job that this process has not read yet.
    suspects_.push_back(exit);
    suspicion_.arm(process::Echo::kWindow, [this] { report_suspects(); });
}

void Workers::report_suspects() {
    suspicion_.cancel();
    for (const process::WorkerExit& each : std::exchange(suspects_, {}))
        report(each);
}

void Workers::report(const process::WorkerExit& exit) {
    const auto killed = setup_.why_killed ? setup_.why_killed(exit.pid) : std::nullopt;
    if (exit.status.success()) return ended_(exit.local_rank, std::nullopt);
    WorkerFailure failure{.agent = self_, .local_rank = exit.local_rank};
    failure.rank = assignment_.first_rank + exit.local_rank;
    failure.pid = exit.pid;
    failure.signal = exit.status.signal();
    failure.exit_code = exit.status.signal() == 0 ? exit.status.code() : 0;
    failure.dumped_core = exit.status.dumped_core();
    failure.time_us = microseconds(exit.at);
    if (!stopping_) {
        tell_if_full(logs_.try_writing());
        examine(failure);
    }
    if (killed) failure.message = *killed + (failure.message.empty() ? "" : ": ") + failure.message;
    ended_(exit.local_rank, std::move(failure));
}

/// Of what may be the cause, as much as this node can find out; victims are not asked.
void Workers::examine(WorkerFailure& failure) const {
    const bool killed = failure.signal == SIGKILL;
    failure.out_of_memory =
        oom_.verdict(killed ? std::optional(static_cast<pid_t>(failure.pid)) : std::nullopt);
    if (!logs_.has_files()) return;
    const std::string in = folder(failure.local_rank);
    if (auto recorded = read_error_file(in + "/error.json")) {
        if (setup_.keeps_logs) failure.error_file = in + "/error.json";
        failure.message = std::move(recorded->message);
        failure.traceback = std::move(recorded->traceback);
        failure.raised_s = recorded->raised_s;
    }
    if (routes(failure.local_rank).err.to == process::Route::To::file) {
        failure.stderr_file = in + "/stderr.log";
        failure.stderr_end = read_last_lines(failure.stderr_file);
    }
}

/// A worker that finds no room can say so nowhere: its stderr may be in the same place.
void Workers::tell_if_full(const Result<void>& room) {
    if (room || told_full_) return;
    told_full_ = true;
    log_.warning(room.error().text() + ": what workers write there is lost, or makes them fail");
}

void Workers::stop(Notice notice, std::function<void()> stopped) {
    stopping_ = true;
    report_suspects();
    if (!group_) return loop_.post(std::move(stopped));
    notice.round = assignment_.round;
    Duration grace = setup_.options.shutdown_timeout;
    if (notice.event == Notice::Event::interrupt) {
        grace = std::min(grace, setup_.kill_wait.value_or(grace));
    }
    notice.deadline =
        std::chrono::system_clock::now() + std::chrono::duration_cast<WallTime::duration>(grace);
    if (notice.signal != SIGKILL) notifier_.leave(notice);
    notifier_.end();
    group_->stop(notice.signal, setup_.options.shutdown_timeout,
                 [this, stopped = std::move(stopped)](
                     const std::vector<process::Process>& stragglers) mutable {
                     finish(stragglers, std::move(stopped));
                 });
}

void Workers::finish(const std::vector<process::Process>& stragglers,
                     std::function<void()> stopped) {
    for (const process::Process& each : stragglers) {
        log_.error("cannot be killed, even by SIGKILL: " + process::words(each));
    }
    group_.reset();
    if (setup_.keeps_logs) tell_if_full(logs_.room());
    output_.finish(kDrain, [this, stopped = std::move(stopped)](bool complete) {
        if (!complete) {
            log_.warning("the console takes no output: the rest is " +
                         (setup_.keeps_logs ? "in " + logs_.root() : "lost"));
        }
        stopped();
    });
}

std::vector<std::int64_t> Workers::pids() const {
    std::vector<std::int64_t> pids;
    for (int rank = 0; group_ && rank < setup_.setting.workers; ++rank)
        pids.push_back(group_->pid(rank));
    return pids;
}

void Workers::notify(Notice notice, bool have_it) {
    notice.round = assignment_.round;
    notifier_.notify(std::move(notice), have_it);
}

}  // namespace torchelastic::agent
