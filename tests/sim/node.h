// One simulated node: the real lifecycle and succession of its agent, the real coordinator if it
// coordinates, and stand-ins for its workers and its ways to other nodes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "agent/lifecycle.h"
#include "coordinator/succession.h"
#include "link.h"
#include "watch.h"

namespace torchelastic::sim {

struct Node;

/// A connection from one agent to another that coordinates, or is asked to.
struct Line {
    Line(Node& from, Node& to, Clock& clock, Random& random, const Network& network,
         Receiver<coordinator::Up> coordinator, Receiver<coordinator::Down> agent)
        : caller(from),
          callee(to),
          link(clock, random, network, std::move(coordinator), std::move(agent)) {}

    Node& caller;
    Node& callee;
    Link link;
    bool adopted = false;  ///< the callee coordinates, and has taken the caller's hello or report
};

/// A coordinator at work, and what agent/hub keeps around it.
struct Desk {
    Desk(const coordinator::Plan& plan, coordinator::Coordinator actor, Watch watched)
        : mine(plan), coordinator(std::move(actor)), watch(std::move(watched)) {}

    coordinator::Plan mine;
    coordinator::Coordinator coordinator;
    Watch watch;
    std::map<coordinator::AgentId, Line*> members;  ///< null: of the coordinator's own node
    unsigned alarm = 0;
    std::optional<coordinator::Done> done;
    Instant formed{};  ///< its last round
    Instant began{};   ///< to coordinate
};

struct Node {
    enum class State { runs, paused, dead, ended };
    struct Worker {
        int rank = 0;
        bool lives = false;
    };

    Node(int place, const coordinator::Card& its_card, Duration patience)
        : number(place), card(its_card), life(card.workers), succession(its_card, patience) {}

    int number;
    int index = 0;  ///< tells apart agents of one number, one after the other
    coordinator::Card card;
    agent::Lifecycle life;
    coordinator::Succession succession;
    std::optional<Desk> desk;  ///< it coordinates
    Line* line = nullptr;      ///< to whoever coordinates, or is asked to
    unsigned dialled = 0;      ///< tells one attempt from the next
    unsigned alarm = 0;        ///< of the succession
    State state = State::runs;
    int island = 0;                             ///< nothing passes between different ones
    std::vector<std::function<void()>> missed;  ///< what happened here while it was suspended

    coordinator::Assignment assignment;
    int epoch = 0;                ///< of the assignment
    std::vector<Worker> workers;  ///< of the assignment, by local rank
    unsigned generation = 0;      ///< tells what awaits these workers from what awaited others
    bool stopping = false;

    std::optional<coordinator::Verdict> verdict;  ///< with which its agent exits
    std::vector<coordinator::Verdict> told;       ///< by coordinators
    Node* leader = nullptr;                       ///< who took its hello or report last
    bool adopted = false;                         ///< some coordinator took its hello or report
    bool dismissed = false;                       ///< told to go while others went on
    bool refused = false;
    bool lost_link = false;
    std::optional<Instant> ready_at;  ///< it waits for an assignment since
    std::optional<Instant> orphaned;  ///< it has no coordinator since

    Instant deaf_until{};
    Instant stuck_until{};
    bool cannot_start = false;
    bool has_no_port = false;
    bool cut_off = false;  ///< a fault may have taken its connection
    bool harmed = false;   ///< a fault may be why it is told to go

    bool alive() const { return state == State::runs || state == State::paused; }
    bool leads() const { return desk && !desk->done && alive(); }
    int living() const {
        int count = 0;
        for (const Worker& worker : workers)
            count += worker.lives ? 1 : 0;
        return count;
    }
};

}  // namespace torchelastic::sim
