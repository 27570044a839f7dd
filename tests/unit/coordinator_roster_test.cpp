// The coordinator: what it tells its agents for the case that it is lost.
#include <algorithm>

#include <gtest/gtest.h>

#include "coordinator_job.h"

namespace torchelastic::coordinator {
namespace {

/// n1 coordinates.
Job led(Plan plan, std::vector<int> sizes) {
    plan.coordinator = "n1";
    return Job(std::move(plan), std::move(sizes));
}

TEST(Roster, goes_to_members_and_spares_with_their_rank) {
    Job job = led({.min_nodes = 3, .max_nodes = 3}, {1, 1, 1, 1});
    job.run();
    const auto rosters = job.told<Roster>();
    ASSERT_EQ(rosters.size(), 4U);
    for (int node = 1; node <= 3; ++node)
        EXPECT_EQ(rosters.at("n" + std::to_string(node)).group_rank, node - 1);
    EXPECT_EQ(rosters.at("n4").group_rank, -1);
    const LastRound last{.epoch = 0, .number = 0, .since = 0, .restart_count = 0, .group_size = 3};
    const std::vector<Successor> successors = {{"n2", {"10.0.0.2", 29400}},
                                               {"n3", {"10.0.0.3", 29400}}};
    for (const auto& [id, each] : rosters) {
        EXPECT_EQ(each.last, last) << id;
        EXPECT_EQ(each.successors, successors) << id;
    }
}

TEST(Roster, comes_before_the_assignment) {
    Job job = led({.min_nodes = 2, .max_nodes = 2}, {1, 1});
    job.run();
    std::string order;
    for (const Send& each : job.sent) {
        if (each.agent == "n2") order += std::to_string(each.message.index()) + " ";
    }
    const Down roster = Roster{};
    const Down assignment = Assignment{};
    EXPECT_EQ(order,
              std::to_string(roster.index()) + " " + std::to_string(assignment.index()) + " ");
}

TEST(Roster, comes_to_a_spare_that_joins_a_running_round) {
    Job job = led({.min_nodes = 2, .max_nodes = 2}, {1, 1, 1});
    for (const int node : {1, 2})
        job.hello(node);
    for (const int node : {1, 2})
        job.ready(node);
    job.time_up();
    job.time_up();
    ASSERT_EQ(job.told<Roster>().size(), 2U);
    job.hello(3);
    job.ready(3);
    EXPECT_EQ(job.told<Roster>().at("n3").group_rank, -1);
}

TEST(Roster, names_the_first_round_with_the_same_nodes) {
    Job job = led({.min_nodes = 2, .max_nodes = 3, .max_restarts = 3}, {1, 1, 1});
    job.run();
    job.told<Roster>();
    job.fail(2);
    job.everyone(&Job::ready);
    Roster roster = job.told<Roster>().at("n2");
    EXPECT_EQ(roster.last.number, 1);
    EXPECT_EQ(roster.last.since, 0);
    EXPECT_EQ(roster.last.restart_count, 1);
    job.lose(3);
    for (const int node : {1, 2})
        job.ready(node);
    roster = job.told<Roster>().at("n2");
    EXPECT_EQ(roster.last.number, 2);
    EXPECT_EQ(roster.last.since, 2);
    EXPECT_EQ(roster.last.group_size, 2);
}

TEST(Roster, says_that_the_coordinators_node_takes_no_part) {
    Job job = led({.min_nodes = 2, .max_nodes = 3}, {1, 1, 1});
    job.run();
    job.told<Roster>();
    job.leave_alone(1);
    job.end(1);
    for (const int node : {2, 3})
        job.ready(node);
    const Roster roster = job.told<Roster>().at("n3");
    EXPECT_FALSE(roster.last.with_coordinator);
    EXPECT_EQ(roster.last.group_size, 2);
    EXPECT_EQ(roster.successors.size(), 2U);
}

TEST(Roster, is_told_nobody_where_nobody_can_take_over) {
    Job job = four_nodes();
    job.run();
    EXPECT_TRUE(job.told<Roster>().empty());
}

/// The names of the successors in a round of that many nodes.
std::string successors_of(int nodes, const std::vector<int>& deaf = {}) {
    Plan plan{.coordinator = "n1", .min_nodes = nodes, .max_nodes = nodes};
    Job job(std::move(plan), std::vector<int>(static_cast<std::size_t>(nodes), 1));
    for (int node = 1; node <= nodes; ++node) {
        Card card = job.card(node);
        if (std::find(deaf.begin(), deaf.end(), node) != deaf.end()) card.port = 0;
        job.event(node, Hello{card});
    }
    job.everyone(&Job::ready);
    const Roster roster = job.told<Roster>().at("n1");
    std::string names;
    for (const Successor& each : roster.successors)
        names += (names.empty() ? "" : " ") + each.id;
    return names;
}

TEST(Roster, names_the_next_four_and_four_that_are_spread_over_the_rest) {
    EXPECT_EQ(successors_of(1), "");
    EXPECT_EQ(successors_of(2), "n2");
    EXPECT_EQ(successors_of(4), "n2 n3 n4");
    EXPECT_EQ(successors_of(9), "n2 n3 n4 n5 n6 n7 n8 n9");
    EXPECT_EQ(successors_of(10), "n2 n3 n4 n5 n6 n7 n8 n10");
    EXPECT_EQ(successors_of(101), "n2 n3 n4 n5 n29 n53 n77 n101");
    EXPECT_EQ(successors_of(5, {2, 4}), "n3 n5") << "those that listen nowhere cannot be asked";
}

}  // namespace
}  // namespace torchelastic::coordinator
