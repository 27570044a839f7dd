// What must hold after every step of a simulated job, whatever befalls it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "coordinator/coordinator.h"

namespace torchelastic::sim {

/// Something that must not be.
struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Each call throws a Violation if what it is told must not be.
class Watch {
public:
    using AgentId = coordinator::AgentId;

    explicit Watch(const coordinator::Plan& plan) : plan_(plan) {}

    /// The coordinator has heard of `event` and answers so.
    void decides(const coordinator::Event& event, const coordinator::Coordinator& coordinator,
                 const std::vector<coordinator::Action>& actions);

    /// An agent starts a round's workers. `belongs`: the coordinator counts on that agent still.
    void starts(const AgentId& id, const coordinator::Assignment& assignment, int workers,
                const std::function<bool(const AgentId&)>& belongs);

    /// A worker is no more.
    void ends(int round, int rank);

    /// How many workers live.
    std::size_t live() const;

    /// The verdict that the coordinator has told all, if it has.
    const std::optional<coordinator::Verdict>& verdict() const { return verdict_; }

    /// What the coordinator told an agent to end with, if it did.
    std::optional<coordinator::Verdict> told(const AgentId& id) const;

    /// It was told to go while the others went on.
    bool dismissed(const AgentId& id) const { return dismissed_.contains(id); }

    std::size_t group_size() const { return group_size_; }

private:
    struct Given {
        AgentId id;
        coordinator::Assignment assignment;
    };
    void check_round(const std::vector<Given>& assignments,
                     const coordinator::Coordinator& coordinator);

    const coordinator::Plan& plan_;
    int restarts_ = 0;
    int round_ = -1;
    std::size_t group_size_ = 0;
    std::map<AgentId, coordinator::Card> cards_;
    std::map<AgentId, coordinator::Ready> ports_;
    std::map<AgentId, coordinator::Verdict> told_;
    std::set<AgentId> dismissed_;
    std::optional<coordinator::Verdict> verdict_;
    std::map<int, std::map<int, AgentId>> live_;  // round, rank
};

}  // namespace torchelastic::sim
