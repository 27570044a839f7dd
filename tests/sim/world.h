// Plays a scenario: the real coordinator and the real lifecycles of its agents over simulated
// connections, workers and time, watched at every step.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clock.h"
#include "coordinator/coordinator.h"
#include "node.h"
#include "random.h"
#include "scenario.h"
#include "watch.h"

namespace torchelastic::sim {

/// What came of it.
struct Report {
    std::optional<std::string> violation;
    std::optional<coordinator::Verdict> verdict;  ///< nothing: the coordinator was lost
    int rounds = 0;
    int restarts = 0;
    std::size_t steps = 0;
    double seconds = 0;  ///< of virtual time
};

class World {
public:
    /// `trace`: where to tell what happens, line by line; null: nowhere.
    World(Scenario scenario, std::ostream* trace = nullptr);

    Report play();

private:
    void come(int number, coordinator::Card card);
    coordinator::Card card_of(int number) const;

    // The agents (world.cpp).
    void handle(Node& node, const agent::Event& event);
    void perform(Node& node, const agent::Action& action);
    void tell(Node& node, coordinator::Up message);
    void locally(Node& node, Duration delay, std::function<void()> what);
    void act(Node& node, std::function<void()> what);
    void exit(Node& node, const coordinator::Verdict& verdict);

    // The coordinator and its hub (hub.cpp).
    void greet(Node& node, const coordinator::Up& message);
    void hear(Node& node, coordinator::Up message);
    void decide(coordinator::Event event);
    void perform(coordinator::Action action);
    void send(const coordinator::AgentId& id, coordinator::Down message);
    void end_host();

    // The workers (workforce.cpp).
    void start_workers(Node& node, const coordinator::Assignment& assignment);
    void stop_workers(Node& node, int signal);
    void end_later(Node& node, int local_rank, Duration delay, int code, int signal);
    void end_worker(Node& node, int local_rank, int code, int signal);
    void kill_workers(Node& node);
    bool fail_one(Node& node);

    // What befalls them (faults.cpp).
    void reach(After moment);
    void befall(const Fault& fault);
    void befall_node(const Fault& fault, Node& node);
    void befall_all(const Fault& fault);
    void pause(Node& node, Duration lasts);
    void resume(Node& node);
    void cut(Node& node, Duration lasts);
    void newcomer(int number);

    // What is looked at every second (progress.cpp).
    void look();
    bool waits_rightly() const;
    void check_newcomers(Duration patience) const;
    void check_end() const;
    void check_exit(const Node& node) const;
    std::string situation() const;

    void trace(const std::string& who, const std::string& what) const;
    bool belongs(const Node& node) const;
    bool host_runs() const { return nodes_.front()->state == Node::State::runs; }
    Node* node_at(int number);

    Scenario scenario_;
    std::ostream* trace_;
    Random random_;
    Clock clock_;
    Watch watch_;
    std::optional<coordinator::Coordinator> coordinator_;
    std::vector<std::unique_ptr<Node>> nodes_;       // the first is the coordinator's
    std::map<coordinator::AgentId, Node*> members_;  // whose hello was taken
    unsigned alarm_ = 0;
    std::optional<coordinator::Done> done_;
    std::map<After, int> reached_;
    Instant excused_{};  // until then, what a fault brings about may take its time
    Instant moved_{};    // when something was told to or by the coordinator
    Instant formed_{};
    bool over_ = false;
};

/// The report of a scenario; `trace` as above.
Report play(const Scenario& scenario, std::ostream* trace = nullptr);

}  // namespace torchelastic::sim
