// Two processes that guard each other: the keeper, which only waits, and the agent, its child.
// Whichever of them dies, even by SIGKILL, the other ends everything below.
#pragma once

#include <functional>
#include <map>

#include "base/time.h"
#include "net/loop.h"

namespace torchelastic::process {

/// To be called first thing in main, while there is one thread, as `return run_under_keeper(...)`:
/// it returns twice. Runs `agent` in a child process and returns its value there; stays in the
/// first process as keeper and returns there what the agent exited with (128 + n for a signal).
///
/// The keeper passes on to the agent every signal that it can, except SIGHUP under nohup; SIGTSTP
/// also stops the keeper, so that the shell or Slurm sees the job stopped. When the agent is dead
/// it kills what is left below it, proves that nothing is, and only then returns; of an agent that
/// was killed it says so on stderr, where nobody else can.
///
/// The agent is a child subreaper in a process group of its own, in the keeper's session: Ctrl-C
/// and `kill -- -PGID` reach it once, through the keeper. (Workers keep the terminal as stdin: a
/// process of another session may read it. SIGTTOU is ignored in the agent, for `stty tostop`.)
/// Slurm's proctrack/linuxproc signals each process by itself, so the agent may still see a signal
/// twice: see Echo. When the keeper dies, a signal handler in the agent kills everything
/// below at once and exits with 137, however busy the agent is.
///
/// `scratch` is a folder that both processes would remove at their end, or null: the agent whose
/// keeper was killed removes it in the handler, by becoming rm(1). It must outlive the call.
///
/// SIGPIPE and SIGXFSZ (ulimit -f) are ignored in the agent: its writes fail instead. If the
/// process cannot be forked, says so on stderr and runs the agent without a keeper.
int run_under_keeper(const std::function<int()>& agent, const char* scratch = nullptr);

/// In the agent: whether the signal was sent by the keeper's parent (a shell, or slurmstepd), to
/// the keeper or to the agent itself.
bool sent_by_parent(const net::Signal& signal);

/// Tells a signal from the echo of one: the same signal again within a quarter of a second of the
/// first is the same event. (Slurm sends SIGTERM twice within 3 ms at the time limit, and
/// proctrack/linuxproc sends to keeper and agent.) Pure.
class Echo {
public:
    static constexpr Duration kWindow = std::chrono::milliseconds(250);

    /// To be asked of every signal as it comes.
    bool repeats(int signal, Instant now);

private:
    std::map<int, Instant> last_;
};

}  // namespace torchelastic::process
