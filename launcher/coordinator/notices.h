// Which signals are news to the job. A scheduler sends one to every node, an admin to a single one:
// either way each worker is to hear of it once. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "base/time.h"
#include "coordinator/messages.h"

namespace torchelastic::coordinator {

class Notices {
public:
    /// For so long after the first node's word those of other nodes are of the same signal.
    static constexpr Duration kWindow = std::chrono::seconds(5);

    /// So long who comes later is told as well.
    static constexpr Duration kLatecomers = std::chrono::minutes(1);

    /// A node's agent was sent a signal. True if the job has not been told of it.
    bool is_news(const AgentId& node, int signal, Instant now);

    /// The job was told.
    void told(const Notify& notice, Instant now);

    /// What an agent that comes now has missed.
    std::optional<Notify> missed(Instant now) const;

private:
    struct Heard {
        Instant first;
        std::set<AgentId> by;
    };
    std::map<int, Heard> heard_;
    std::optional<Notify> latest_;
    Instant told_at_{};
};

}  // namespace torchelastic::coordinator
