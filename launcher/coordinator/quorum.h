// Whether agents that were lost may have elected another coordinator, and go on. Pure.
#pragma once

#include <cstddef>
#include <set>
#include <vector>

#include "coordinator/messages.h"

namespace torchelastic::coordinator {

/// Agents that lost the coordinator elect another if they are more than half of those of the last
/// round that any of them knows. Whoever coordinates may go on as long as that cannot be: as long
/// as of no such round more than half are missing and may live. The coordinator that formed it does
/// not count once another has taken over, for its death may be certain.
class Quorum {
public:
    /// These nodes' agents are to know of a new round. Returns the first of the rounds up to this
    /// one that had the same nodes: whoever knows of one of those counts as well.
    int formed(int round, const std::vector<AgentId>& nodes);

    /// The round after which this coordinator took over.
    void inherited(const LastRound& last);

    /// An agent of the inherited round has come.
    void joined(const AgentId& id);

    /// This agent knows of that round, and will count itself to no earlier one.
    void knows(const AgentId& id, int round);

    /// The agent is gone. `died`: for certain; else it may live, and elect.
    void lost(const AgentId& id, bool died);

    bool holds() const;

private:
    struct Electorate {
        int round = 0;
        std::size_t size = 0;    ///< whose agents may elect
        std::size_t living = 0;  ///< of these, who are not dead for certain
        std::set<AgentId> here;
        std::set<AgentId> to_be_told;  ///< of those here
    };
    std::vector<Electorate> electorates_;  ///< by round; the first is the last that all know
};

}  // namespace torchelastic::coordinator
