// The agent of a step that runs in a container, whose file system has neither our program nor its
// libraries.
#pragma once

#include <string>

#include "spank/slurm.h"

namespace torchelastic::door {

/// user_init, once per node and in slurmstepd itself, which never enters a container: opens the
/// static agent that lies beside `agent`, so that a task can start it from wherever it ends up.
/// Which other plugin puts tasks into a container, and in which of its hooks, does not matter.
/// Without a static agent nothing happens.
void carry_agent(spank_t spank, const std::string& agent);

/// task_init: whether the task has left the node's own "/". A plugin that comes later may still
/// take it away.
bool in_container(spank_t spank);

/// task_init: the path by which this task can start the carried agent; empty if none is installed.
/// Ends the task with a message if it is in a container and has no agent, or no /proc to start it
/// by.
std::string carried_agent(spank_t spank);

}  // namespace torchelastic::door
