// The side where tasks start: inside slurmstepd.
#pragma once

#include <string>

#include "spank/site.h"
#include "spank/slurm.h"

namespace torchelastic::door {

/// Whether this is an elastic step of tasks. Not so: steps of Slurm's own, above all the batch
/// script of an elastic job, in which the options are in force as well.
bool serves(spank_t spank);

/// The first node of a hostlist; empty if Slurm cannot tell it.
std::string first_of(const std::string& hostlist);

/// init, in slurmstepd: the program has arrived where this plugin is loaded (seal.h). Before any
/// other plugin looks at it, and whatever kind of step it is.
void unseal_program(spank_t spank);

/// Makes slurmstepd the parent of what loses its own: should keeper and agent be killed at once,
/// what their workers hid (daemons, sessions of their own) stays below the step, where Slurm finds
/// and kills it. Without, it holds the step's output open, and srun waits for ever.
void adopt_orphans();

/// user_init, once per node and in slurmstepd itself: what needs name resolution.
void hand_on_address(spank_t spank);

/// slurmstepd: tells the agent whether Slurm signals its workers as well, and when it kills.
void hand_on_signalling(spank_t spank);

/// Ends the task with code 64 (EX_USAGE); its message has been said.
[[noreturn]] void end_task();

/// task_init, in the task, as the user: makes the agent the program. If that cannot be, says why
/// and ends the task with code 64; never returns an error, which Slurm would ignore (plugin
/// "optional") or answer with a drained node (plugin "required").
void become_agent(spank_t spank, const Site& site);

}  // namespace torchelastic::door
