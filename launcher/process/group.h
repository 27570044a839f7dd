// The workers of one round on this node, started, watched and stopped together.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/loop.h"
#include "process/exit_status.h"
#include "process/reaper.h"
#include "process/spawn.h"
#include "process/tree.h"

namespace torchelastic::process {

struct Worker {
    int local_rank = 0;
    Command command;
    Stdio stdio;
};

/// A worker ended.
struct WorkerExit {
    int local_rank = 0;
    pid_t pid = 0;
    ExitStatus status = ExitStatus::exited(0);
    WallTime at;
};

/// Running workers. Destroying it kills them and everything that descends from them, and waits up
/// to a second for that to be so; stop() is the way that does not block.
class Group {
public:
    /// Called once per worker, from the loop, during stop() too; may destroy the Group.
    using ExitHandler = std::function<void(const WorkerExit&)>;

    /// Called when nothing is left, or with what the kernel could not kill within `kill_limit`.
    using StopHandler = std::function<void(std::vector<Process> stragglers)>;

    /// Starts the workers, side by side. If one cannot be started, the others are killed without an
    /// exit event and the error says which and why: "local rank 2: start train: exec ...".
    static Result<Group> start(net::Loop& loop, Reaper& reaper, const std::vector<Worker>& workers,
                               ExitHandler exited);

    ~Group();
    Group(Group&&) noexcept;
    Group& operator=(Group&&) noexcept;

    /// Signals every worker's process group, and lets them end in peace until `grace` is over, the
    /// groups of workers that have already exited included; then, or at once when the groups are
    /// empty, kills whatever is left below this process except other Childs of the reaper (this
    /// finds who left the group or was orphaned); then proves that nothing is left and calls
    /// `done`, from the loop, after the exit events of all workers.
    ///
    /// Called again while it works, it sends the new signal too, the earlier end of grace holds,
    /// and only the new `done` is called. SIGKILL needs no grace.
    void stop(int signal, Duration grace, StopHandler done);

    /// How long after SIGKILL stop() waits before it reports stragglers. 30 s unless told: tearing
    /// down a process with much pinned GPU memory takes the driver many seconds.
    void limit_kill(Duration limit);

    /// Workers that have not exited.
    std::size_t running() const;

    /// The pid of a worker, dead or alive; 0 if there is no such local rank.
    pid_t pid(int local_rank) const;

    /// Those of the workers that run, 0 for the others; in the order in which they were given.
    std::vector<pid_t> running_pids() const;

private:
    struct State;
    explicit Group(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

}  // namespace torchelastic::process
