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

/// The assignments of one round, in the order of group ranks, which is the order of the nodes in
/// the allocation. The ranks of one node are consecutive; a role's ranks count its own workers only
/// (torchrun: roles may interleave). MASTER_ADDR and MASTER_PORT are those of group rank 0.
/// `round`, `restart_count`, `max_restarts` and `run_id` are the caller's.
std::vector<Assignment> assign_ranks(std::vector<Candidate> candidates);

/// Sorts by place in the allocation, then by id.
void in_order(std::vector<Candidate>& candidates);

}  // namespace torchelastic::coordinator
