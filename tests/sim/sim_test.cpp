// Jobs in virtual time: named incidents, seeds that once showed something wrong, and thousands of
// fresh ones. `build/tests/sim --seed N --trace` plays one of the seeds again.
#include <gtest/gtest.h>

#include "scenario.h"
#include "world.h"

namespace torchelastic::sim {
namespace {

using namespace std::chrono_literals;
using coordinator::Membership;
using coordinator::Outcome;
using Kind = Fault::Kind;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 2000;
#elif !defined(NDEBUG)
constexpr std::uint64_t kSeeds = 5000;
#else
constexpr std::uint64_t kSeeds = 40000;
#endif

struct Size {
    int nodes;
    int min;
    int max;
    int restarts;
};

Scenario job(Membership membership, Size size, std::vector<Fault> faults, Duration work = 20s) {
    Scenario scenario;
    scenario.plan.run_id = "7.0.0";
    scenario.plan.membership = membership;
    scenario.plan.min_nodes = size.min;
    scenario.plan.max_nodes = size.max;
    scenario.plan.max_restarts = size.restarts;
    scenario.plan.join_timeout = 60s;
    scenario.workers.assign(static_cast<std::size_t>(size.nodes), 2);
    scenario.faults = std::move(faults);
    scenario.work = work;
    return scenario;
}

Fault at(Duration delay, Kind kind, int node, Duration lasts = 0s) {
    return {.kind = kind, .node = node, .delay = delay, .lasts = lasts};
}

Fault after(After moment, Duration delay, Kind kind, int node, Duration lasts = 0s) {
    return {.kind = kind, .node = node, .after = moment, .delay = delay, .lasts = lasts};
}

struct Incident {
    const char* what;
    Scenario scenario;
    std::optional<Outcome> outcome;
    int rounds;
    int restarts;
    int coordinators = 1;  ///< one after the other
};

const auto kKnown = Membership::known;
const auto kOpen = Membership::open;

std::vector<Incident> workers_fail() {
    return {
        {"nothing happens", job(kKnown, {4, 4, 4, 3}, {}), Outcome::succeeded, 1, 0},
        {"a worker fails", job(kKnown, {4, 4, 4, 3}, {at(5s, Kind::fail, 2)}), Outcome::succeeded,
         2, 1},
        {"a worker of the coordinator's node fails",
         job(kKnown, {4, 4, 4, 3}, {at(5s, Kind::fail, 0)}), Outcome::succeeded, 2, 1},
        {"no restart is left", job(kKnown, {4, 4, 4, 0}, {at(5s, Kind::fail, 2)}),
         Outcome::worker_failed, 1, 0},
        {"workers of all nodes fail at once",
         job(kKnown, {4, 4, 4, 3}, {at(5s, Kind::fail_all, 0)}), Outcome::succeeded, 2, 1},
        {"a worker fails while the others are being stopped",
         job(kKnown, {4, 4, 4, 3}, {at(5s, Kind::fail, 1), after(After::stop, 5ms, Kind::fail, 2)}),
         Outcome::succeeded, 2, 1},
        {"workers ignore SIGTERM",
         job(kKnown, {4, 4, 4, 3}, {at(1s, Kind::be_deaf, 3, 60s), at(5s, Kind::fail, 1)}),
         Outcome::succeeded, 2, 1},
        {"workers cannot be killed in time",
         job(kKnown, {4, 3, 4, 3}, {at(1s, Kind::be_stuck, 3, 200s), at(5s, Kind::fail, 1)}),
         Outcome::succeeded, 2, 1},
        {"workers cannot be started", job(kKnown, {4, 4, 4, 3}, {at(0s, Kind::never_start, 2)}),
         Outcome::worker_failed, 1, 0},
    };
}

std::vector<Incident> nodes_go() {
    return {
        {"an agent dies and MIN is left", job(kKnown, {4, 3, 4, 0}, {at(5s, Kind::crash, 2)}),
         Outcome::succeeded, 2, 0},
        {"an agent dies and MIN is not left", job(kKnown, {4, 4, 4, 3}, {at(5s, Kind::crash, 2)}),
         Outcome::agent_lost, 1, 0},
        {"an agent dies while its round is being stopped",
         job(kKnown, {4, 3, 4, 1},
             {at(5s, Kind::fail, 1), after(After::stop, 1ms, Kind::crash, 2)}),
         Outcome::succeeded, 2, 1},
        {"a node falls silent", job(kKnown, {4, 3, 4, 0}, {at(5s, Kind::cut, 2, 60s)}),
         Outcome::succeeded, 2, 0},
        {"a node is silent for a second", job(kKnown, {4, 3, 4, 0}, {at(5s, Kind::cut, 2, 1s)}),
         Outcome::succeeded, 1, 0},
        {"an agent is suspended for 2 s", job(kKnown, {4, 3, 4, 0}, {at(5s, Kind::pause, 2, 2s)}),
         Outcome::succeeded, 1, 0},
        {"an agent is suspended for 10 s", job(kKnown, {4, 3, 4, 0}, {at(5s, Kind::pause, 2, 10s)}),
         Outcome::succeeded, 2, 0},
        {"one agent is told to end", job(kKnown, {4, 3, 4, 0}, {at(5s, Kind::terminate, 2)}),
         Outcome::succeeded, 2, 0},
        {"the coordinator's agent is told to end",
         job(kKnown, {4, 3, 4, 0}, {at(5s, Kind::terminate, 0)}), Outcome::succeeded, 2, 0},
        {"all agents are told to end", job(kKnown, {4, 4, 4, 0}, {at(5s, Kind::terminate_all, 0)}),
         Outcome::interrupted, 1, 0},
        {"a node that has succeeded is lost, and MIN is not left for a restart",
         job(kKnown, {2, 2, 2, 3},
             {at(5s, Kind::succeed, 1), at(6s, Kind::crash, 1), at(7s, Kind::fail, 0)}),
         Outcome::worker_failed, 1, 0},
        {"a node that has succeeded is lost, and nobody fails",
         job(kKnown, {2, 2, 2, 3}, {at(5s, Kind::succeed, 1), at(6s, Kind::crash, 1)}),
         Outcome::succeeded, 1, 0},
        {"a spare steps in", job(kKnown, {3, 2, 2, 0}, {at(5s, Kind::crash, 1)}),
         Outcome::succeeded, 2, 0},
        {"a node has no port", job(kKnown, {4, 4, 4, 3}, {at(0s, Kind::no_port, 2)}),
         Outcome::not_formed, 0, 0},
    };
}

std::vector<Incident> nodes_come() {
    return {
        {"MIN begin after the last call", job(kOpen, {2, 2, 4, 0}, {}), Outcome::succeeded, 1, 0},
        {"a burst of newcomers",
         job(kOpen, {2, 2, 8, 0},
             {at(9s, Kind::come, 0), at(10s, Kind::come, 0), at(11s, Kind::come, 0)}),
         Outcome::succeeded, 2, 0},
        {"a newcomer beyond MAX", job(kOpen, {2, 2, 2, 0}, {at(5s, Kind::come, 0)}),
         Outcome::succeeded, 1, 0},
        {"somebody comes in place of the lost",
         job(kOpen, {2, 2, 2, 0}, {at(5s, Kind::crash, 1), at(15s, Kind::come, 0)}),
         Outcome::succeeded, 2, 0},
        {"nobody comes in place of the lost", job(kOpen, {2, 2, 2, 0}, {at(5s, Kind::crash, 1)}),
         Outcome::not_formed, 1, 0},
        {"node rank 1 is started again",
         job(Membership::ranked, {2, 2, 2, 0}, {at(5s, Kind::crash, 1), at(8s, Kind::come, 1)}),
         Outcome::succeeded, 2, 0},
        {"a newcomer while the round is being stopped",
         job(kOpen, {2, 2, 4, 1}, {at(9s, Kind::fail, 1), after(After::stop, 1ms, Kind::come, 0)}),
         Outcome::succeeded, 2, 1},
        {"a known node that was lost is not let in again",
         job(kKnown, {4, 3, 4, 0}, {at(5s, Kind::crash, 2), at(8s, Kind::come, 2)}),
         Outcome::succeeded, 2, 0},
    };
}

/// n0 coordinates, its successors are n1, n2 and so on.
std::vector<Incident> coordinators_go() {
    const auto die = Kind::crash_leader;
    return {
        {"it dies and MIN is left", job(kKnown, {4, 3, 4, 0}, {at(5s, die, 0)}), Outcome::succeeded,
         2, 0, 2},
        {"it dies and MIN is not left", job(kKnown, {4, 4, 4, 3}, {at(5s, die, 0)}),
         Outcome::agent_lost, 1, 0, 2},
        {"it dies, and of two nodes one is left", job(kKnown, {2, 1, 2, 0}, {at(5s, die, 0)}),
         Outcome::succeeded, 2, 0, 2},
        {"it dies together with the first successor",
         job(kKnown, {5, 2, 5, 0}, {at(5s, die, 0), at(5s, Kind::crash, 1)}), Outcome::succeeded, 2,
         0, 2},
        {"it dies, and half of those who are left with it",
         job(kKnown, {5, 1, 5, 0},
             {at(5s, die, 0), at(5s, Kind::crash, 1), at(5s, Kind::crash, 2)}),
         std::nullopt, 1, 0, 1},
        {"it dies, and so does the one that takes over",
         job(kKnown, {5, 2, 5, 0}, {at(5s, die, 0), at(15s, die, 0)}), Outcome::succeeded, 3, 0, 3},
        {"the one that takes over dies before it has formed a round",
         job(kKnown, {5, 2, 5, 0}, {at(5s, die, 0), at(5005ms, die, 0)}), Outcome::succeeded, 2, 0,
         3},
        {"four are lost one after the other",
         job(kKnown, {5, 1, 5, 0},
             {at(5s, die, 0), at(10s, die, 0), at(15s, die, 0), at(20s, die, 0)}),
         Outcome::succeeded, 5, 0, 5},
        {"it falls silent", job(kKnown, {4, 3, 4, 0}, {at(5s, Kind::cut_leader, 0, 60s)}),
         Outcome::succeeded, 2, 0, 2},
        {"it falls silent, and MIN is not left",
         job(kKnown, {4, 4, 4, 3}, {at(5s, Kind::cut_leader, 0, 60s)}), Outcome::agent_lost, 1, 0,
         2},
        {"of two nodes the one that coordinates goes on",
         job(kKnown, {2, 1, 2, 0}, {at(5s, Kind::cut_leader, 0, 60s)}), Outcome::succeeded, 2, 0,
         1},
        {"it is silent for a second", job(kKnown, {4, 3, 4, 0}, {at(5s, Kind::cut_leader, 0, 1s)}),
         Outcome::succeeded, 1, 0, 1},
        {"it is suspended for 2 s", job(kKnown, {4, 3, 4, 0}, {at(5s, Kind::pause_leader, 0, 2s)}),
         Outcome::succeeded, 1, 0, 1},
        {"it is suspended for 10 s, and given up meanwhile",
         job(kKnown, {4, 3, 4, 0}, {at(5s, Kind::pause_leader, 0, 10s)}), Outcome::succeeded, 2, 0,
         2},
        {"a spare steps in after it died", job(kKnown, {4, 3, 3, 0}, {at(5s, die, 0)}),
         Outcome::succeeded, 2, 0, 2},
        {"it is told to end, leaves, and dies",
         job(kKnown, {4, 2, 4, 0}, {at(5s, Kind::terminate, 0), at(12s, die, 0)}),
         Outcome::succeeded, 3, 0, 2},
        {"a worker fails under the one that took over",
         job(kKnown, {4, 2, 4, 1}, {at(5s, die, 0), at(15s, Kind::fail, 2)}), Outcome::succeeded, 3,
         1, 2},
        {"somebody comes to the one that took over",
         job(kOpen, {3, 2, 4, 0}, {at(5s, die, 0), at(10s, Kind::come, 0)}), Outcome::succeeded, 3,
         0, 2},
        {"no restart is left to the one that took over",
         job(kKnown, {4, 2, 4, 1},
             {at(5s, Kind::fail, 2), at(15s, die, 0), at(25s, Kind::fail, 2)}),
         Outcome::worker_failed, 3, 1, 2},
    };
}

std::vector<Incident> coordinators_go_at_awkward_moments() {
    const auto die = Kind::crash_leader;
    Scenario alone = job(kKnown, {4, 3, 4, 0}, {at(5s, die, 0)});
    alone.elects = false;
    return {
        {"before anything is formed", job(kKnown, {4, 3, 4, 0}, {at(100us, die, 0)}), std::nullopt,
         0, 0, 1},
        {"as it forms the first round",
         job(kKnown, {4, 3, 4, 0}, {after(After::assignment, 0s, die, 0)}), Outcome::succeeded, 2,
         0, 2},
        {"while it forms another",
         job(kKnown, {4, 2, 4, 1},
             {at(5s, Kind::fail, 2),
              {.kind = die, .node = 0, .after = After::ready, .nth = 5, .delay = 0s}}),
         Outcome::succeeded, 2, 1, 2},
        {"while it stops a round",
         job(kKnown, {4, 2, 4, 1}, {at(5s, Kind::fail, 2), after(After::stop, 0s, die, 0)}),
         Outcome::succeeded, 2, 1, 2},
        {"while it ends the job", job(kKnown, {4, 2, 4, 1}, {after(After::verdict, 0s, die, 0)}),
         std::nullopt, 1, 0, 1},
        {"where nobody may take over", alone, std::nullopt, 1, 0, 1},
    };
}

void expect(const std::vector<Incident>& incidents) {
    for (const Incident& each : incidents) {
        SCOPED_TRACE(each.what);
        const Played report = play(each.scenario);
        EXPECT_FALSE(report.violation) << *report.violation;
        ASSERT_EQ(report.verdict.has_value(), each.outcome.has_value());
        if (report.verdict) {
            EXPECT_EQ(report.verdict->outcome, *each.outcome) << report.verdict->reason;
        }
        EXPECT_EQ(report.rounds, each.rounds);
        EXPECT_EQ(report.restarts, each.restarts);
        EXPECT_EQ(report.coordinators, each.coordinators);
    }
}

TEST(SimulatedJob, stands_what_befalls_workers) {
    expect(workers_fail());
}

TEST(SimulatedJob, stands_the_loss_of_nodes) {
    expect(nodes_go());
}

TEST(SimulatedJob, stands_the_loss_of_the_coordinator) {
    expect(coordinators_go());
}

TEST(SimulatedJob, stands_the_loss_of_the_coordinator_at_awkward_moments) {
    expect(coordinators_go_at_awkward_moments());
}

TEST(SimulatedJob, takes_in_who_comes) {
    expect(nodes_come());
}

TEST(SimulatedJob, spends_its_restarts_in_a_row) {
    Scenario scenario = job(kKnown, {4, 4, 4, 10}, {});
    scenario.failing = 100;
    expect({{"every round fails", scenario, Outcome::worker_failed, 11, 10}});
}

TEST(SimulatedJob, has_a_thousand_nodes) {
    expect({{"a failure, a loss, two newcomers",
             job(kOpen, {1000, 900, 1000, 3},
                 {at(5s, Kind::fail, 700), at(8s, Kind::crash, 300), at(12s, Kind::come, 0),
                  at(12s, Kind::come, 0)}),
             Outcome::succeeded, 4, 1}});
}

TEST(SimulatedJob, goes_on_in_one_part_when_it_is_split) {
    int of_old = 0;
    int of_new = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const int nodes = 2 + static_cast<int>(seed % 8);
        Scenario scenario = job(kKnown, {nodes, 1, nodes, 0}, {at(5s, Kind::split, 0, 60s)});
        scenario.seed = seed;  // who is on which side
        const Played report = play(scenario);
        ASSERT_FALSE(report.violation) << "seed " << seed << ": " << *report.violation;
        ASSERT_TRUE(report.verdict) << seed;
        EXPECT_EQ(report.verdict->outcome, Outcome::succeeded) << seed << report.verdict->reason;
        (report.coordinators == 1 ? of_old : of_new) += 1;
    }
    EXPECT_GT(of_old, 20) << "the part of the coordinator, or both half";
    EXPECT_GT(of_new, 20) << "the other part, which is more than half";
}

/// Seeds that once showed something wrong, and a rule without which they do so again. A change of
/// random_scenario() makes other scenarios of them: then they are ordinary ones.
const struct {
    std::uint64_t seed;
    const char* rule;
} kOnceWrong[] = {
    {2295, "the restart count passes to the one that takes over"},
    {5663, "a coordinator looks at the round before until all know of the next"},
    {7797, "workers are gone before an agent is ready for another coordinator"},
    {30540, "re-election"},
    {91261, "rounds of the same nodes count as one"},
    {162147, "half of the nodes elect nobody"},
    {202852, "who takes over looks whether MIN are left"},
};

TEST(SimulatedJob, stands_what_was_once_too_much) {
    for (const auto& each : kOnceWrong) {
        const Played report = play(random_scenario(each.seed));
        EXPECT_FALSE(report.violation)
            << "seed " << each.seed << " (" << each.rule << "): " << *report.violation;
    }
}

TEST(SimulatedJob, stands_thousands_of_seeds) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        const Played report = play(random_scenario(seed));
        ASSERT_FALSE(report.violation) << *report.violation << "\nplay it again: build/tests/sim "
                                       << "--seed " << seed << " --trace";
    }
}

TEST(SimulatedJob, follows_from_its_seed_alone) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const Played once = play(random_scenario(seed));
        const Played again = play(random_scenario(seed));
        EXPECT_EQ(once.steps, again.steps);
        EXPECT_EQ(once.seconds, again.seconds);
        EXPECT_EQ(once.rounds, again.rounds);
    }
}

}  // namespace
}  // namespace torchelastic::sim
