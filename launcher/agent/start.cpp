// Building everything in order: the loop, the meeting, the agent.
#include "agent/start.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "agent/agent.h"
#include "agent/error_file.h"
#include "agent/interfaces.h"
#include "agent/meeting.h"
#include "agent/observation.h"
#include "agent/part.h"
#include "agent/place.h"
#include "agent/scratch.h"
#include "agent/stderr.h"
#include "agent/timer_file.h"
#include "agent/workforce.h"
#include "base/signal_name.h"
#include "base/text.h"
#include "net/host.h"
#include "process/keeper.h"
#include "wire/handshake.h"

namespace torchelastic::agent {

namespace {

/// How long a stderr that takes nothing may delay the end of a job that was told to end.
constexpr Duration kLastWords = std::chrono::seconds(2);
/// After this time of waiting the user is told whom for.
constexpr Duration kReminder = std::chrono::seconds(10);

/// Set by the plugin where Slurm signals every process of the step by itself.
constexpr const char* kSignalsReachAll = "TORCHELASTIC_STEP_SIGNALS_ALL";

/// The plugin's word about Slurm's KillWait.
std::optional<Duration> kill_wait(const Environment& environment) {
    const auto found = environment.find("TORCHELASTIC_STEP_KILL_WAIT");
    const auto seconds = found == environment.end() ? std::nullopt : parse_int(found->second);
    constexpr std::int64_t kLongest = 0xFFFF;
    if (!seconds || *seconds < 0 || *seconds > kLongest) return std::nullopt;
    return std::chrono::seconds(*seconds);
}

/// The text of a file; empty if it cannot be read.
std::string text_of(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The workers' store needs a descriptor for each rank of the job. Returns what the limit was: the
/// workers', who did not ask for more.
std::optional<rlimit> raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
    const rlimit before = limit;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return before;
}

/// The signals that end the job. Unlike torchrun, which dies of those that are not listed and
/// leaves its workers behind, the four that ask any program to end are always among them.
std::set<int> ending_signals(const options::Options& options) {
    std::set<int> signals = options.signals_to_handle.signals;
    signals.insert({SIGTERM, SIGINT, SIGHUP, SIGQUIT});
    return signals;
}

std::string names_of(const std::set<int>& signals) {
    std::vector<std::string> names;
    names.reserve(signals.size());
    for (const int each : signals)
        names.push_back(signal_name(each));
    return join(names, ",");
}

/// One run of one agent: owns the loop and all that lives on it.
class Run {
public:
    Run(const options::Options& options, const Environment& environment, std::string log_base,
        std::optional<std::string> timer_file)
        : options_(options),
          environment_(environment),
          log_base_(std::move(log_base)),
          timer_file_(std::move(timer_file)),
          log_(net::host_name(), level(environment),
               [this](std::string_view text) { stderr_.write(text); }) {}

    int operator()() {
        if (auto begun = begin(); !begun) {
            fail(begun.error());
        }
        if (!ended_) loop_.run();
        agent_.reset();
        stderr_.drain();
        // slurmstepd (22.05) sends what it finds at the end of a pipe in pieces that end anywhere,
        // and other nodes' lines get between them.
        if (environment_.contains("SLURM_STEP_ID")) stderr_.await_readers();
        if (rendezvous_ && rendezvous_->stuck()) ::_exit(code_);
        return code_;
    }

private:
    static std::string level(const Environment& environment) {
        const auto found = environment.find("LOGLEVEL");
        return found == environment.end() ? "WARNING" : found->second;
    }

    Result<void> begin() {
        for (const std::string& name : options_.signals_to_handle.unknown) {
            log_.warning("--signals-to-handle: no signal that can be handled: " +
                         printable(name, 200));
        }
        auto reaper = process::Reaper::open(loop_);
        if (!reaper) return failure(std::move(reaper).error());
        reaper_ = std::move(*reaper);
        std::set<int> heard = ending_signals(options_);
        heard.insert({SIGUSR1, SIGUSR2});
        auto signals = net::Signals::open(loop_, {heard.begin(), heard.end()},
                                          [this](const net::Signal& signal) { hear(signal); });
        if (!signals) return failure(std::move(signals).error());
        signals_.emplace(std::move(*signals));

        observation_.answer_probes(environment_);
        auto place = find_place(options_, environment_, net::host_name());
        if (!place) return failure(std::move(place).error());
        place_ = std::move(*place);
        open_files_ = raise_descriptor_limit();
        rendezvous_ = choose_rendezvous(loop_, place_, options_, environment_,
                                        [this](const std::string& why) { log_.warning(why); });
        if (!rendezvous_) {
            take_part(meet_nobody(place_, options_));
            return {};
        }
        rendezvous_->meet([this](Result<rdzv::Meeting> meeting) {
            if (!meeting) return fail(meeting.error());
            if (const auto* surplus = std::get_if<rdzv::Surplus>(&meeting->place)) {
                if (!surplus->words.empty()) log_.warning(surplus->words);
                return end(0);
            }
            take_part(std::move(*meeting));
        });
        if (!agent_ && !ended_) remind();
        return {};
    }

    /// What only this node lacks is no reason to let the others wait: the coordinator is told.
    void take_part(rdzv::Meeting meeting) {
        reminder_.cancel();
        const Part part =
            choose_part(options_, environment_, place_, meeting, wire::random_hexadecimal(8));
        Setup setup;
        setup.workers = {.options = options_, .environment = environment_, .consoles = consoles_};
        enlist(setup);
        setup.workers.setting.role = options_.role;
        setup.workers.setting.inherits_mpi = options_.worker_mpi == options::WorkerMpi::inherit;
        setup.workers.setting.signals_to_handle = names_of(ending_signals(options_));
        setup.workers.open_files = open_files_;
        setup.workers.keeps_logs = keeps_logs(options_);
        setup.workers.options.master_port = part.master_port;
        setup.workers.alone = part.alone;
        setup.workers.signals_reach_workers = environment_.contains(kSignalsReachAll);
        setup.workers.kill_wait = kill_wait(environment_);
        setup.requeue = RequeueSlip(environment_);
        if (part.host && options_.requeue && setup.requeue.missing()) {
            log_.warning(
                "--requeue-on has no effect: it needs srun --torchelastic, whose plugin asks "
                "Slurm");
        }
        setup.own_console = part.own_console;
        if (!part.alone) {
            setup.workers.setting.gloo_interface = gloo_interface(
                text_of("/etc/hosts"), net::host_name(), net::interfaces(), meeting.address);
        }
        setup.keep_alive = keep_alive(options_);
        if (auto checked = check_address(options_, part.alone); !checked) {
            setup.trouble = checked.error().text();
        }
        if (part.trouble) setup.trouble = part.trouble;
        if (part.elects && !part.host) stand_by(setup);
        setup.plan = part.plan;
        auto logs = Logs::open(log_base_, part.folder);
        if (!logs && setup.workers.keeps_logs && !setup.trouble)
            setup.trouble = logs.error().text();
        if (!logs && !setup.workers.keeps_logs) {
            log_.warning("no error files of workers: " + logs.error().text());
        }
        if (part.host && !part.alone && !place_.note.empty()) log_.warning(place_.note);
        if (part.host) warn_of_threads(setup.workers.setting.workers);
        setup.meeting = std::move(meeting);
        Logs files = logs ? std::move(*logs) : Logs::none();
        tell_where(files);
        observation_.watch_timers(timer_file_, setup.workers);
        observation_.attend(setup, backend_name(place_), files.root());
        agent_.emplace(loop_, log_, *reaper_, std::move(setup), std::move(files),
                       [this](const coordinator::Verdict& verdict) { leave(verdict); });
        agent_->begin();
    }

    /// An agent that cannot be called does without: others may be.
    void stand_by(Setup& setup) {
        auto door = open_door(loop_, place_, options_);
        if (!door) return log_.info("cannot coordinate: " + door.error().text());
        setup.door = std::move(*door);
    }

    void enlist(Setup& setup) {
        auto force = muster(options_, environment_);
        if (!force) {
            setup.trouble = force.error().text();
            return;
        }
        for (const std::string& note : force->notes)
            log_.info(note);
        if (force->warning) log_.warning(*force->warning);
        setup.workers.setting.workers = force->workers;
        setup.workers.setting.devices = std::move(force->devices);
        setup.workers.cpus = std::move(force->cpus);
    }

    /// Nobody named the folder, and what is redirected appears nowhere else.
    void tell_where(const Logs& files) {
        if (options_.log_dir || !keeps_logs(options_)) return;
        const std::string words = "no --log-dir: the workers' files are in " + files.root();
        options_.redirects == options::StreamMap{} ? log_.info(words) : log_.warning(words);
    }

    void warn_of_threads(int workers) {
        if (!limits_threads(environment_, workers)) return;
        log_.warning(
            "OMP_NUM_THREADS is set to 1 for each worker, because several share a node; set it "
            "yourself to tune it");
    }

    void remind() {
        const options::RendezvousConf& conf = options_.rdzv_conf;
        const bool pmix = place_.backend == options::Backend::pmix;
        reminder_.arm(kReminder, [this, pmix, conf] {
            const std::string met = rendezvous_->trouble();
            const std::string who =
                place_.allocation ? place_.allocation->nodes.front() : "the node";
            log_.warning(fmt::format(
                "no word from {} yet, whose agent coordinates; waiting {} s in all ({}){}", who,
                (pmix ? conf.pmix_timeout : conf.join_timeout).count(),
                pmix ? "pmix_timeout" : "join_timeout",
                met.empty() ? "" : "; the last attempt met: " + printable(met, 400)));
        });
    }

    void hear(const net::Signal& signal) {
        if (ending_signals(options_).contains(signal.number)) stderr_.hurry(kLastWords);
        if (ended_ || leaving_) return;
        if (echo_.repeats(signal.number, std::chrono::steady_clock::now())) return;
        if (!ending_signals(options_).contains(signal.number)) {
            const bool all_have_it =
                environment_.contains(kSignalsReachAll) && process::sent_by_parent(signal);
            if (agent_) agent_->notice(signal.number, all_have_it);
            return;
        }
        if (agent_) return agent_->told_to_end(signal.number);
        end(128 + signal.number);
    }

    /// Ends before there is an agent that could say why.
    void fail(const Error& error) {
        log_.error(error.text());
        const auto now = std::chrono::system_clock::now();
        if (auto left = leave_error_file(environment_, error_document(error.text(), 1, now));
            !left) {
            log_.error(left.error().text());
        }
        end(1);
    }

    /// A job that was interrupted, or lost nodes, may be started again under its name; one that
    /// came to its end by itself may not, if it has a name.
    void leave(const coordinator::Verdict& verdict) {
        if (std::exchange(leaving_, true)) return;
        using coordinator::Outcome;
        if (verdict.outcome == Outcome::coordinator_lost) stderr_.hurry(kLastWords);
        if (!rendezvous_) return end(verdict.exit_code);
        const bool ended =
            verdict.outcome == Outcome::succeeded || verdict.outcome == Outcome::worker_failed;
        const bool named = !options_.rdzv_id.empty() && options_.rdzv_id != "none";
        rendezvous_->close(ended && named, [this, code = verdict.exit_code](Result<void> closed) {
            if (!closed) log_.warning("leave the rendezvous: " + closed.error().text());
            end(code);
        });
    }

    void end(int code) {
        code_ = code;
        ended_ = true;
        loop_.stop();
    }

    const options::Options& options_;
    const Environment& environment_;
    std::string log_base_;
    std::optional<std::string> timer_file_;
    net::Loop loop_;
    process::Consoles consoles_ = process::Consoles::of(loop_);
    Stderr stderr_{loop_, consoles_};
    report::Log log_;
    Observation observation_{loop_, log_, [this](std::string_view text) { stderr_.write(text); }};
    std::unique_ptr<process::Reaper> reaper_;
    std::optional<net::Signals> signals_;
    process::Echo echo_;
    Place place_;
    net::Timer reminder_{loop_};
    std::optional<rlimit> open_files_;
    std::unique_ptr<rdzv::Rendezvous> rendezvous_;
    std::optional<Agent> agent_;
    int code_ = 1;
    bool leaving_ = false;
    bool ended_ = false;
};

}  // namespace

int run_agent(const options::Options& options, const Environment& environment) {
    const Scratch scratch(options);
    const TimerFile timer_file(environment, scratch.to_remove());
    return process::run_under_keeper(
        [&] {
            scratch.make();
            return Run(options, environment, scratch.path(), timer_file.path())();
        },
        scratch.to_remove());
}

}  // namespace torchelastic::agent
