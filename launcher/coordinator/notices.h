// Which signals are news to the job. A scheduler sends one to every node, an admin to a single one:
// either way each worker is to hear of it once. Pure.
#pragma once

#include <map>
#include <set>

#include "base/time.h"
#include "coordinator/messages.h"

namespace torchelastic::coordinator {

class Notices {
public:
    /// For so long after the first node's word those of other nodes are of the same signal.
    static constexpr Duration kWindow = std::chrono::seconds(5);

    /// A node's agent was sent a signal. True if the job has not been told of it.
    bool is_news(const AgentId& node, int signal, Instant now);

private:
    struct Heard {
        Instant first;
        std::set<AgentId> by;
    };
    std::map<int, Heard> heard_;
};

}  // namespace torchelastic::coordinator
