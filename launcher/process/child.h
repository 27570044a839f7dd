// One program started by this process: its death as an event, and no way to outlive its owner.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "base/time.h"
#include "net/loop.h"
#include "process/exit_status.h"
#include "process/reaper.h"
#include "process/spawn.h"

namespace torchelastic::process {

/// Owns a running program. Destroying it kills its process group and reaps it (waiting up to a
/// second: one that the kernel cannot kill then is left to the reaper). Descendants that left the
/// group are the Group's to find. The reaper outlives it.
class Child {
public:
    /// Called once, from the loop; may destroy the Child. Never called after its destruction.
    using ExitHandler = std::function<void(ExitStatus status, WallTime at)>;

    static Result<Child> start(net::Loop& loop, Reaper& reaper, const Command& command,
                               const Stdio& stdio, ExitHandler exited);

    /// Owns a program that was started otherwise, by this process, and not reaped.
    static Child own(net::Loop& loop, Reaper& reaper, pid_t pid, ExitHandler exited);

    ~Child();
    Child(Child&&) noexcept;
    Child& operator=(Child&&) noexcept;

    pid_t pid() const;

    /// How it ended; nothing while it runs.
    std::optional<ExitStatus> status() const;

    /// Signals its process group. Does nothing once it is reaped: the number may be another's.
    void signal_group(int signal);

    /// Gives it up without a wait: the reaper takes it, whenever the kernel lets it die. The Child
    /// is empty then, as one that was moved from: pid 0, no status, nothing to signal.
    void abandon();

private:
    struct State;
    explicit Child(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

}  // namespace torchelastic::process
