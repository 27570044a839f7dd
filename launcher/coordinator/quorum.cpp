// Counting who is missing.
#include "coordinator/quorum.h"

#include <algorithm>

namespace torchelastic::coordinator {

int Quorum::formed(int round, const std::vector<AgentId>& nodes) {
    const std::set<AgentId> here(nodes.begin(), nodes.end());
    const bool same = !electorates_.empty() && electorates_.back().here == here &&
                      electorates_.back().size == here.size();
    if (!same) electorates_.push_back({round, here.size(), here.size(), here, here});
    return electorates_.back().round;
}

void Quorum::inherited(const LastRound& last) {
    const auto size = static_cast<std::size_t>(last.group_size - (last.with_coordinator ? 1 : 0));
    electorates_.push_back({last.number, size, size, {}, {}});
}

void Quorum::joined(const AgentId& id) {
    Electorate& inherited = electorates_.front();
    if (inherited.here.size() < inherited.living) inherited.here.insert(id);
}

void Quorum::knows(const AgentId& id, int round) {
    for (Electorate& each : electorates_) {
        if (each.round <= round) each.to_be_told.erase(id);
    }
    // Whoever is here votes by the last round that all of them know, or by a later one.
    const auto settled =
        std::find_if(electorates_.rbegin(), electorates_.rend(),
                     [](const Electorate& each) { return each.to_be_told.empty(); });
    if (settled != electorates_.rend()) {
        electorates_.erase(electorates_.begin(), settled.base() - 1);
    }
}

void Quorum::lost(const AgentId& id, bool died) {
    for (Electorate& each : electorates_) {
        const bool was_here = each.here.erase(id) == 1;
        if (was_here && died) each.living -= 1;
        if (died) each.to_be_told.erase(id);
    }
}

bool Quorum::holds() const {
    return std::all_of(electorates_.begin(), electorates_.end(), [](const Electorate& each) {
        return 2 * (each.living - each.here.size()) <= each.size;
    });
}

}  // namespace torchelastic::coordinator
