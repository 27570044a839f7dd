// Looks at what the task has been given before it becomes the agent, and says what is wrong with
// it, to the user's terminal.
#pragma once

#include <string>

#include "spank/slurm.h"

namespace torchelastic::door {

/// Ends the task with a message, once for the step, unless there is one task on every node.
void require_one_task_per_node(spank_t spank);

/// Ends the task with a message that names the node unless it can run `agent`.
void require_agent(spank_t spank, const std::string& agent);

/// Says which options hide a part of the node from its agent, if they look like mistakes. To be
/// called once the options are handed on.
void advise(spank_t spank);

}  // namespace torchelastic::door
