// What is played: a job, its nodes, its workers and all that befalls them. A scenario is written
// by hand or follows from a seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/coordinator.h"
#include "link.h"

namespace torchelastic::sim {

/// From when a fault's time counts. Rounds begin, stop and so on once for each round.
enum class After { start, assignment, stop, ready, started, verdict };

struct Fault {
    enum class Kind {
        crash,          ///< the agent dies, and its workers with it
        pause,          ///< it is suspended; its workers go on
        cut,            ///< its node is cut off
        terminate,      ///< SIGTERM to the agent
        come,           ///< a new agent, of a new node
        fail,           ///< one of its workers fails
        succeed,        ///< all of its workers end well
        fail_all,       ///< and then those of all the other nodes
        be_deaf,        ///< its workers ignore SIGTERM, until they are killed
        be_stuck,       ///< not even SIGKILL ends them in time
        never_start,    ///< its next workers cannot be started
        no_port,        ///< it cannot announce the next time
        terminate_all,  ///< SIGTERM to all agents
        split,          ///< nothing passes between one half of the nodes and the other
        crash_leader,   ///< the agent that coordinates dies
        pause_leader,   ///< it is suspended
        cut_leader,     ///< its node is cut off
    };
    Kind kind = Kind::crash;
    int node = 0;  ///< 0 is the first coordinator's
    After after = After::start;
    int nth = 0;  ///< of the moments that `after` names
    Duration delay{};
    Duration lasts{};  ///< pause, cut, split, be_deaf, be_stuck
};

struct Scenario {
    coordinator::Plan plan;
    Network network;
    std::vector<int> workers;                  ///< of each node that is there from the start
    std::vector<std::string> roles;            ///< the same; empty: all are "default"
    Duration comes_within{};                   ///< of the start, every node
    Duration work = std::chrono::seconds(20);  ///< how long a round's workers run, if they are let
    int failing = 0;  ///< percent of a node's rounds in which a worker fails
    Duration grace = std::chrono::seconds(5);  ///< between SIGTERM and SIGKILL
    bool elects = true;                        ///< another coordinator, if the first is lost
    std::vector<Fault> faults;
    std::uint64_t seed = 1;  ///< of whatever is left open
};

/// The scenario of this seed.
Scenario random_scenario(std::uint64_t seed);

std::string name(Fault::Kind kind);
std::string name(After after);

/// For people: on several lines.
std::string describe(const Scenario& scenario);

}  // namespace torchelastic::sim
