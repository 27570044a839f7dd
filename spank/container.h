// The agent of a step that runs in a container, whose file system has neither our program nor its
// libraries.
#pragma once

#include <string>

#include "spank/slurm.h"

namespace torchelastic::door {

/// task_init_privileged, in the task, as root, before any container is entered: opens the static
/// agent that lies beside `agent`, so that it can be started from wherever the task ends up. Which
/// other plugin puts the task into a container, and when, does not matter. Without a static agent
/// nothing happens.
void carry_agent(spank_t spank, const char* agent);

/// task_init: the path by which the carried agent can be started; empty if there is none. Ends the
/// task with a message where there is no /proc to start it by.
std::string carried_agent(spank_t spank);

}  // namespace torchelastic::door
