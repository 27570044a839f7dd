// One simulated node: the real lifecycle of its agent, and stand-ins for its workers and its way to
// the coordinator.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/lifecycle.h"
#include "link.h"

namespace torchelastic::sim {

struct Node {
    enum class State { runs, paused, dead, ended };
    struct Worker {
        int rank = 0;
        bool lives = false;
    };

    Node(int place, coordinator::Card its_card)
        : number(place), card(std::move(its_card)), life(card.workers) {}

    int number;
    coordinator::Card card;
    agent::Lifecycle life;
    std::unique_ptr<Link> link;  ///< nothing: this agent coordinates
    State state = State::runs;
    std::vector<std::function<void()>> missed;  ///< what happened here while it was suspended

    coordinator::Assignment assignment;
    std::vector<Worker> workers;  ///< of the assignment, by local rank
    unsigned generation = 0;      ///< tells what awaits these workers from what awaited others
    bool stopping = false;

    std::optional<coordinator::Verdict> verdict;  ///< with which its agent exits
    bool adopted = false;                         ///< the coordinator took its hello
    bool refused = false;
    bool lost_link = false;
    std::optional<Instant> ready_at;  ///< it waits for an assignment since

    Instant deaf_until{};
    Instant stuck_until{};
    bool cannot_start = false;
    bool has_no_port = false;
    bool cut_off = false;  ///< a fault may have taken its connection
    bool harmed = false;   ///< a fault may be why it is told to go

    bool alive() const { return state == State::runs || state == State::paused; }
    int living() const {
        int count = 0;
        for (const Worker& worker : workers)
            count += worker.lives ? 1 : 0;
        return count;
    }
};

}  // namespace torchelastic::sim
