// The workers of this node, one round after the other: what each is made of, where its output
// goes, how it ended. When to start and stop them is the lifecycle's to say.
#pragma once

#include <sys/resource.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/environment.h"
#include "agent/logs.h"
#include "agent/notifier.h"
#include "base/cpus.h"
#include "coordinator/messages.h"
#include "net/loop.h"
#include "options/parser.h"
#include "process/group.h"
#include "process/oom_watch.h"
#include "process/output.h"
#include "process/streams.h"
#include "report/log.h"

namespace torchelastic::agent {

/// What is the same in every round.
struct WorkerSetup {
    options::Options options;
    Environment environment;
    WorkerSetting setting;
    std::optional<rlimit> open_files;  ///< RLIMIT_NOFILE of each; the agent's own if not set
    std::vector<Cpus> cpus;            ///< by local rank, or empty: where the agent may run
    bool keeps_logs = false;           ///< people can look at the files afterwards
    bool alone = true;                 ///< no other node: stdin is the workers' to read
    process::Consoles consoles;        ///< our own
    /// Slurm sends a signal to every process of the step, not to the task alone
    /// (proctrack/linuxproc).
    bool signals_reach_workers = false;
    std::optional<Duration> kill_wait;  ///< so long after it told the job to end Slurm kills
    /// Why a worker that is dead was killed, where this agent knows it.
    std::function<std::optional<std::string>(pid_t pid)> why_killed;
};

class Workers {
public:
    /// Called for every worker that was started, from the loop, once it has ended.
    using EndHandler =
        std::function<void(int local_rank, std::optional<coordinator::WorkerFailure> failure)>;

    /// `self`: how this node is called in failures.
    Workers(net::Loop& loop, report::Log& log, process::Reaper& reaper, WorkerSetup setup,
            Logs logs, coordinator::AgentId self, EndHandler ended);

    /// Starts those of a round; the ones of the last round must have been stopped. If one cannot be
    /// started none runs, and the failure says why.
    std::optional<coordinator::WorkerFailure> start(const coordinator::Assignment& assignment);

    /// By local rank, of those that were started last.
    std::vector<std::int64_t> pids() const;

    /// Signals them and lets them read why, kills what is left after the grace, shows their output
    /// to its end, and calls `stopped` from the loop. Called again while it works, only the new
    /// `stopped` is called.
    void stop(Notice notice, std::function<void()> stopped);

    /// The end is not to wait for consoles that take nothing.
    void hurry() { output_.hurry(); }

    /// Tells them of a signal to the whole job; they may `have_it` already.
    void notify(Notice notice, bool have_it);

private:
    Result<std::vector<process::Worker>> prepare();
    Result<process::Worker> prepare(int local_rank, const process::Routes& to);
    Result<process::Stream> stream(const process::Route& route, process::Output::Shown shown,
                                   const std::string& file);
    void show_output();
    Result<void> duplicate();
    Result<void> follow(int local_rank);
    process::Routes routes(int local_rank) const;
    std::vector<process::Routes> all_routes() const;
    std::string folder(int local_rank) const;
    void take_exit(const process::WorkerExit& exit);
    void report(const process::WorkerExit& exit);
    void report_suspects();
    void examine(coordinator::WorkerFailure& failure) const;
    void tell_if_full(const Result<void>& room);
    void finish(const std::vector<process::Process>& stragglers, std::function<void()> stopped);

    net::Loop& loop_;
    report::Log& log_;
    process::Reaper& reaper_;
    WorkerSetup setup_;
    Logs logs_;
    coordinator::AgentId self_;
    EndHandler ended_;
    process::Output output_;
    coordinator::Assignment assignment_;
    std::optional<process::Group> group_;
    process::OomWatch oom_;
    bool stopping_ = false;
    std::vector<process::WorkerExit> suspects_;  // that may be of a signal to the whole job
    net::Timer suspicion_;
    Notifier notifier_;
    bool told_full_ = false;
};

}  // namespace torchelastic::agent
