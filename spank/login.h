// The side where users type: inside srun, sbatch and salloc, as the user.
#pragma once

#include "spank/site.h"
#include "spank/slurm.h"

namespace torchelastic::door {

/// srun, before it reads its environment: one task per node that owns the node, whatever the batch
/// script around it wanted for its own tasks, and a step that outlives the loss of a node. Leaves
/// an srun that is not elastic alone.
void arrange_environment(const Site& site);

/// --torchelastic=`value` was given, or inherited from sbatch or salloc. False, with a message, if
/// it cannot be had: then Slurm ends the command before anything is allocated.
bool flip_switch(const char* value);

/// srun, once an elastic step exists: sees to it that a node without this plugin does not start the
/// program as it is (seal.h). srun calls it for one component of a heterogeneous step only,
/// whichever it launches first.
void seal_program(spank_t spank);

/// srun, once the step exists: says which options of this command line go unused.
void warn_of_unused_options(spank_t spank);

}  // namespace torchelastic::door
