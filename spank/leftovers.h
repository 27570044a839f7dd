// What an agent that was killed outright cannot tidy up any more.
#pragma once

#include "spank/slurm.h"

namespace torchelastic::door {

/// slurmstepd, once a task is gone: if SIGKILL ended it (Slurm sends that to all processes of a
/// step at once), removes the agent's temporary folder, with the user's rights.
void remove_leftovers(spank_t spank);

/// slurmstepd, once all processes of the step are gone: removes what others of them may have put
/// there after that.
void remove_late_leftovers();

}  // namespace torchelastic::door
