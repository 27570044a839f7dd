// The static agent as the task of a step. Slurm starts it by a descriptor, so that it is there in
// any container; where there is no container it makes way for the full agent.
#pragma once

namespace torchelastic::agent {

/// To be called first of all. Does nothing unless this program was started as /proc/self/fd/N: then
/// the descriptor is closed, and where "/" is still the node's own (TORCHELASTIC_STEP_ROOT, which
/// spank/ sets, along with TORCHELASTIC_STEP_AGENT) the full agent takes over this process. If it
/// cannot, the process says why and ends with code 64.
void make_way(char** argv);

}  // namespace torchelastic::agent
