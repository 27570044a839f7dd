// Plays a scenario: the real coordinators, lifecycles and successions of its agents over simulated
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
struct Played {
    std::optional<std::string> violation;
    /// Of the last coordinator; nothing: that was lost.
    std::optional<coordinator::Verdict> verdict;
    int coordinators = 0;  ///< how many there were, one after the other
    int rounds = 0;
    int restarts = 0;
    std::size_t steps = 0;
    double seconds = 0;  ///< of virtual time
};

class World {
public:
    /// `trace`: where to tell what happens, line by line; null: nowhere.
    World(Scenario scenario, std::ostream* trace = nullptr);

    Played play();

private:
    void begin();
    void come(int number, coordinator::Card card);
    coordinator::Card card_of(int number) const;

    // The agents (world.cpp).
    void handle(Node& node, const agent::Event& event);
    void perform(Node& node, const agent::Action& action);
    void tell(Node& node, coordinator::Up message);
    void hear(Node& node, const coordinator::Down& message);
    void locally(Node& node, Duration delay, std::function<void()> what);
    void act(Node& node, std::function<void()> what);
    void exit(Node& node, const coordinator::Verdict& verdict);
    void end(Node& node);

    // The connections, and what comes to an agent's door (lines.cpp).
    void connect(Node& caller, Node& callee);
    void arrive(Line& line, coordinator::Up message);
    void lose_caller(Line& line, const std::string& why, bool died);
    void lose_callee(Line& line, const std::string& why, bool died);
    void close_lines(Node& node);
    bool reaches(const Node& from, const Node& to) const { return from.island == to.island; }

    // The election (election.cpp).
    void perform(Node& node, const coordinator::Succession::Actions& actions);
    void dial(Node& node, const coordinator::Successor& successor);
    void take_over(Node& node, const coordinator::TakeOver& order);
    void give_up(Node& node, const coordinator::GiveUp& order);

    // Whoever coordinates (desk.cpp).
    void adopt(Line& line, coordinator::Up message);
    void decide(Node& node, coordinator::Event event);
    void perform(Node& node, coordinator::Action action);
    void send(Node& node, const coordinator::AgentId& id, coordinator::Down message);
    void end_desk(Node& node);

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
    void crash(Node& node);
    void pause(Node& node, Duration lasts);
    void resume(Node& node);
    void part(const std::vector<Node*>& nodes, Duration lasts);
    void newcomer(int number);

    // What is looked at every second (progress.cpp).
    void look();
    bool waits_rightly() const;
    void check_newcomers(Duration patience) const;
    void check_one_coordinator();
    void check_surrender(const Node& node) const;
    void check_end() const;
    void check_exit(const Node& node) const;
    Duration patience() const;
    std::string situation() const;

    void trace(const std::string& who, const std::string& what) const;
    bool belongs(const Node& node, const Node& leader) const;
    Node* latest() const;  ///< who took over last, though others may not know it yet
    Node* leader() const;  ///< the same; null if it is no more
    Node* node_at(int number);

    Scenario scenario_;
    std::ostream* trace_;
    Random random_;
    Clock clock_;
    Ranks ranks_;
    std::vector<std::unique_ptr<Node>> nodes_;  // the first is the first coordinator's
    std::vector<std::unique_ptr<Line>> lines_;  // all that there ever were
    std::vector<Node*> leaders_;                // one after the other
    std::map<After, int> reached_;
    int islands_ = 0;
    int losses_ = 0;                 ///< faults that took or cut off somebody
    Instant excused_{};              // until then, what a fault brings about may take its time
    Instant moved_{};                // when something was told to or by a coordinator
    std::optional<Instant> rivals_;  // more than one coordinates since
    bool over_ = false;
};

/// What comes of a scenario; `trace` as above.
Played play(const Scenario& scenario, std::ostream* trace = nullptr);

}  // namespace torchelastic::sim
