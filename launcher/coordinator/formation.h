// Who gets which rank: one pass over the agents of a round, torchrun's rules. Pure.
#pragma once

#include <vector>

#include "coordinator/messages.h"

namespace torchelastic::coordinator {

/// An agent that can take part, and the port it holds for the round's store.
struct Candidate {
    Card card;
    Ready ready;
};

/// The assignments of one round, for the nodes in the order of their group ranks. The ranks of one
/// node are consecutive; a role's ranks count its own workers only (torchrun: roles may
/// interleave). MASTER_ADDR and MASTER_PORT are those of group rank 0. `round`, `restart_count`,
/// `max_restarts` and `run_id` are the caller's.
std::vector<Assignment> assign_ranks(const std::vector<Candidate>& candidates);

}  // namespace torchelastic::coordinator
