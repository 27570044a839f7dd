// What must hold after every step of a simulated job, whatever befalls it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/coordinator.h"

namespace torchelastic::sim {

/// Something that must not be.
struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The workers that live. Each call throws a Violation if what it is told must not be.
class Ranks {
public:
    /// An agent starts a round's workers. `belongs`: its coordinator counts on that agent, too.
    void starts(int agent, int epoch, const coordinator::Assignment& assignment, int workers,
                const std::function<bool(int agent)>& belongs);

    /// A worker is no more.
    void ends(int epoch, int round, int rank);

    /// How many live.
    std::size_t live() const;

    /// Of whose rounds some live.
    std::set<int> epochs() const;

private:
    using Round = std::pair<int, int>;          // epoch, number
    std::map<Round, std::map<int, int>> live_;  // rank, agent
};

/// One coordinator. Each call throws a Violation if what it is told must not be.
class Watch {
public:
    using AgentId = coordinator::AgentId;

    explicit Watch(const coordinator::Plan& plan) : plan_(plan) {}
    Watch(const coordinator::Plan& plan, const coordinator::Inheritance& inheritance)
        : plan_(plan), restarts_(inheritance.last.restart_count), round_(inheritance.last.number) {}

    /// The coordinator has heard of `event` and answers so.
    void decides(const coordinator::Event& event, const coordinator::Coordinator& coordinator,
                 const std::vector<coordinator::Action>& actions);

    /// The verdict that the coordinator has told all, if it has.
    const std::optional<coordinator::Verdict>& verdict() const { return verdict_; }

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

    coordinator::Plan plan_;
    int restarts_ = 0;
    int round_ = -1;
    std::size_t group_size_ = 0;
    std::map<AgentId, coordinator::Card> cards_;
    std::map<AgentId, coordinator::Ready> ports_;
    std::map<AgentId, coordinator::Verdict> told_;
    std::set<AgentId> dismissed_;
    std::optional<coordinator::Verdict> verdict_;
};

}  // namespace torchelastic::sim
