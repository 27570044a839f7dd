// --requeue-on: slurmstepd asks Slurm to requeue the job, because the agent cannot: in a container
// there are neither Slurm's programs nor its key.
#pragma once

#include "spank/slurm.h"

namespace torchelastic::door {

/// slurmstepd, before it forks the task: a slip for the agent to leave a word on.
void hand_on_slip(spank_t spank);

/// slurmstepd, once the task is gone: asks if the word and Slurm's own say that the job ended by
/// something that the user named.
void requeue_if_asked();

}  // namespace torchelastic::door
