// The slurm backend: the step says who the members are, where the first of them is and what they
// share. No DNS name, no scontrol, no port to choose.
#pragma once

#include <memory>

#include "rdzv/rendezvous.h"
#include "slurm/allocation.h"

namespace torchelastic::rdzv {

/// Where the agent of the step's first node receives the others: the first free port of the
/// sequence that all derive from the run id.
Result<net::Listener> listen_in_step(net::Loop& loop, const slurm::Allocation& allocation,
                                     const Settings& settings);

/// The agent of the step's first node listens at the first free port of a sequence that all derive
/// from the run id; the others try the same sequence there. A job that met at the same port is told
/// apart by the token.
std::unique_ptr<Rendezvous> slurm_rendezvous(net::Loop& loop, slurm::Allocation allocation,
                                             Settings settings);

}  // namespace torchelastic::rdzv
