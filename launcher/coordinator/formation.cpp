// Rank assignment.
#include "coordinator/formation.h"

#include <map>

namespace torchelastic::coordinator {

std::vector<Assignment> assign_ranks(const std::vector<Candidate>& candidates) {
    int world = 0;
    std::map<std::string, int> role_world;
    std::vector<Assignment> assignments;
    for (const Candidate& each : candidates) {
        Assignment next;
        next.group_rank = static_cast<int>(assignments.size());
        next.group_world_size = static_cast<int>(candidates.size());
        next.first_rank = world;
        next.first_role_rank = role_world[each.card.role];
        next.master_address = candidates.front().card.address;
        next.master_port = candidates.front().ready.store_port;
        next.agent_store = candidates.front().ready.agent_store;
        world += each.card.workers;
        role_world[each.card.role] += each.card.workers;
        assignments.push_back(std::move(next));
    }
    // The first node's agent opens the store to them. To all, they would be n * n addresses.
    for (const Candidate& each : candidates) {
        auto& members = assignments.front().members;
        members.push_back(each.card.address);
        members.insert(members.end(), each.card.other_addresses.begin(),
                       each.card.other_addresses.end());
    }
    for (std::size_t i = 0; i < assignments.size(); ++i) {
        assignments[i].world_size = world;
        assignments[i].role_world_size = role_world[candidates[i].card.role];
    }
    return assignments;
}

}  // namespace torchelastic::coordinator
