// What a job has to be submitted with so that it can lose nodes; srun's, sbatch's and salloc's
// side.
#pragma once

#include "spank/slurm.h"

namespace torchelastic::door {

/// sbatch and salloc, before they read their environment: --nnodes=MIN:MAX on their command line
/// means --no-kill, and that they have it is told to the job.
void mark_no_kill();

/// --nnodes=`value` was given on a line of a batch script: the same. sbatch reads its environment
/// behind the script.
void want_no_kill(const char* value);

/// srun, once an elastic step exists: says that the job it belongs to may not be what it needs.
void advise_no_kill(spank_t spank);

}  // namespace torchelastic::door
