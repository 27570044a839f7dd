// The coordinator that takes over from another, and one that may have been given up itself.
#include <gtest/gtest.h>

#include "coordinator_job.h"

namespace torchelastic::coordinator {
namespace {

using std::chrono::seconds;

/// Round 3, after two restarts, of as many nodes.
Inheritance round_three(int nodes) {
    Inheritance inheritance;
    inheritance.last = {.epoch = 0, .number = 3, .since = 3, .restart_count = 2};
    inheritance.last.group_size = nodes;
    inheritance.epoch = 1;
    inheritance.why = "lost the coordinator: closed by peer";
    return inheritance;
}

/// n1 coordinated round 3 of all nodes, and was lost; n2 takes over.
Job taken_over(Plan plan, std::vector<int> sizes) {
    plan.coordinator = "n2";
    const auto nodes = static_cast<int>(sizes.size());
    return {std::move(plan), std::move(sizes), round_three(nodes)};
}

/// n1 coordinates.
Job led(Plan plan, std::vector<int> sizes) {
    plan.coordinator = "n1";
    return Job(std::move(plan), std::move(sizes));
}

void fall_silent(Job& job, int node) {
    job.event(node, Lost{"silent for 3 s", false});
}

TEST(Takeover, regathers_all_and_forms_at_once) {
    Job job = taken_over({.min_nodes = 2, .max_nodes = 4, .max_restarts = 3}, {2, 2, 4, 4});
    EXPECT_EQ(job.notes.back(),
              "waiting for the nodes of round 3: lost the coordinator: closed by peer");
    EXPECT_EQ(job.coordinator.state(), "stopping");
    for (const int node : {2, 3, 4})
        job.report(node, node - 1);
    EXPECT_EQ(job.told<Lead>().at("n4").epoch, 1);
    job.ready(4);
    job.ready(2);
    EXPECT_TRUE(job.sent.empty()) << "the workers of n3 still stop";
    job.ready(3);
    EXPECT_EQ(job.notes.at(1),
              "node n2 coordinates now, after round 3: lost the coordinator: closed by peer");
    const auto assigned = job.told<Assignment>();
    ASSERT_EQ(assigned.size(), 3U);
    EXPECT_EQ(assigned.at("n2").round, 4) << "rounds are counted on";
    EXPECT_EQ(assigned.at("n2").restart_count, 2) << "it costs none";
    EXPECT_EQ(assigned.at("n2").max_restarts, 3);
    EXPECT_EQ(assigned.at("n2").first_rank, 0);
    EXPECT_EQ(assigned.at("n3").first_rank, 2);
    EXPECT_EQ(assigned.at("n4").first_rank, 6);
    EXPECT_EQ(assigned.at("n4").world_size, 10);
}

TEST(Takeover, forms_when_the_last_comes_though_all_others_are_ready) {
    Job job = taken_over({.min_nodes = 2, .max_nodes = 4}, {1, 1, 1, 1});
    for (const int node : {2, 3}) {
        job.report(node, node - 1);
        job.ready(node);
    }
    EXPECT_TRUE(job.told<Assignment>().empty()) << "n4 may not have noticed yet";
    job.report(4, 3);
    EXPECT_TRUE(job.told<Assignment>().empty()) << "the workers of n4 still stop";
    job.ready(4);
    EXPECT_EQ(job.told<Assignment>().size(), 3U);
}

TEST(Takeover, waits_for_the_late_ones_only_for_a_while) {
    Job job = taken_over({.min_nodes = 2, .max_nodes = 4}, {1, 1, 1, 1});
    for (const int node : {2, 3}) {
        job.report(node, node - 1);
        job.ready(node);
    }
    const Instant before = job.now;
    job.time_up();
    EXPECT_EQ(job.now - before, job.plan.regather);
    EXPECT_EQ(job.told<Assignment>().size(), 2U);
}

TEST(Takeover, takes_one_that_comes_later_still_for_a_newcomer) {
    Job job = taken_over({.min_nodes = 2, .max_nodes = 4}, {1, 1, 1, 1});
    for (const int node : {2, 3}) {
        job.report(node, node - 1);
        job.ready(node);
    }
    job.time_up();
    job.told<Assignment>();
    job.report(4, 0);
    EXPECT_EQ(job.told<Lead>().size(), 1U);
    job.ready(4);
    EXPECT_EQ(job.told<Roster>().at("n4").last.number, 4);
    job.time_up();
    EXPECT_EQ(job.told<Stop>().size(), 2U) << "there is room for it";
    for (const int node : {2, 3})
        job.ready(node);
    const auto assigned = job.told<Assignment>();
    EXPECT_EQ(assigned.at("n4").first_rank, 2) << "its place is another's";
    EXPECT_EQ(assigned.at("n4").restart_count, 2);
}

TEST(Takeover, gives_up_on_those_who_came_and_cannot_stop_their_workers) {
    Job job = taken_over({.min_nodes = 2, .max_nodes = 4}, {1, 1, 1, 1});
    for (const int node : {2, 3, 4})
        job.report(node, node - 1);
    job.ready(2);
    job.ready(3);
    job.told<Lead>();
    job.time_up();
    EXPECT_TRUE(job.told<Assignment>().empty());
    job.time_up();
    EXPECT_EQ(job.now - Instant{}, job.plan.end_timeout);
    std::vector<Send> sent = job.sent;
    EXPECT_EQ(job.told<Assignment>().size(), 2U);
    job.sent = std::move(sent);
    EXPECT_EQ(job.told<Finish>().at("n4").verdict.reason, "lost node n4: its workers did not stop");
}

TEST(Takeover, ends_with_words_below_min) {
    Job job = taken_over({.min_nodes = 3, .max_nodes = 4}, {1, 1, 1, 1});
    for (const int node : {2, 3}) {
        job.report(node, node - 1);
        job.ready(node);
    }
    EXPECT_TRUE(job.told<Finish>().empty()) << "n4 may come";
    job.time_up();
    const auto told = job.told<Finish>();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told.at("n3").verdict.outcome, Outcome::agent_lost);
    EXPECT_EQ(told.at("n3").verdict.exit_code, 1);
    EXPECT_EQ(told.at("n3").verdict.reason,
              "lost the coordinator: closed by peer; 2 of the 4 nodes of the last round are left");
}

TEST(Takeover, ends_below_min_as_soon_as_all_have_come) {
    Job job = taken_over({.min_nodes = 4, .max_nodes = 4}, {1, 1, 1, 1});
    for (const int node : {2, 3, 4}) {
        job.report(node, node - 1);
        job.ready(node);
    }
    EXPECT_EQ(job.told<Finish>().size(), 3U);
}

TEST(Takeover, tells_those_who_come_in_the_end_why) {
    Job job = taken_over({.min_nodes = 4, .max_nodes = 4}, {1, 1, 1, 1});
    job.report(2, 1);
    job.time_up();
    ASSERT_EQ(job.coordinator.state(), "ending");
    EXPECT_EQ(job.coordinator.refusal(job.card(3)),
              "run 7.0.0 has ended: lost the coordinator: closed by peer; 1 of the 4 nodes of the "
              "last round are left");
}

TEST(Takeover, waits_for_the_late_ones_though_one_that_came_is_lost_again) {
    Job job = taken_over({.min_nodes = 3, .max_nodes = 6}, {1, 1, 1, 1, 1, 1});
    for (const int node : {2, 3, 4}) {
        job.report(node, node - 1);
        job.ready(node);
    }
    job.lose(4);
    EXPECT_TRUE(job.told<Finish>().empty()) << "n5 and n6 may come";
    for (const int node : {5, 6}) {
        job.report(node, node - 1);
        job.ready(node);
    }
    EXPECT_EQ(job.told<Assignment>().size(), 4U);
}

TEST(Takeover, lets_a_spare_step_in_for_the_lost) {
    Job job({.coordinator = "n2", .min_nodes = 3, .max_nodes = 3}, {1, 1, 1, 1}, round_three(3));
    job.report(2, 1);
    job.report(3, 2);
    job.report(4, -1);
    for (const int node : {4, 3, 2})
        job.ready(node);
    const auto assigned = job.told<Assignment>();
    ASSERT_EQ(assigned.size(), 3U);
    EXPECT_EQ(assigned.at("n4").first_rank, 0) << "the place of n1";
    EXPECT_EQ(assigned.at("n2").first_rank, 1);
    EXPECT_EQ(assigned.at("n3").first_rank, 2);
}

TEST(Takeover, keeps_the_order_of_survivors_that_was_not_that_of_their_nodes) {
    Job job = taken_over({.min_nodes = 2, .max_nodes = 4}, {1, 1, 1, 1});
    job.report(2, 3);
    job.report(3, 2);
    job.report(4, 1);
    for (const int node : {2, 3, 4})
        job.ready(node);
    const auto assigned = job.told<Assignment>();
    EXPECT_EQ(assigned.at("n4").first_rank, 0);
    EXPECT_EQ(assigned.at("n3").first_rank, 1);
    EXPECT_EQ(assigned.at("n2").first_rank, 2);
}

TEST(Takeover, keeps_no_place_from_a_round_that_was_not_the_last) {
    Job job = taken_over({.min_nodes = 2, .max_nodes = 4}, {1, 1, 1, 1});
    LastRound older = job.inherited;
    older.number = older.since = 2;
    job.event(4, Report{job.card(4), older, 0});
    for (const int node : {2, 3})
        job.report(node, node - 1);
    for (const int node : {2, 3, 4})
        job.ready(node);
    EXPECT_TRUE(job.told<Assignment>().empty()) << "another of round 3 may come";
    job.time_up();
    EXPECT_EQ(job.told<Assignment>().at("n2").first_rank, 1) << "n4 fills the place of n1";
}

TEST(Takeover, counts_restarts_on) {
    Job job = taken_over({.min_nodes = 3, .max_nodes = 4, .max_restarts = 3}, {1, 1, 1, 1});
    for (const int node : {2, 3, 4})
        job.report(node, node - 1);
    for (const int node : {2, 3, 4})
        job.ready(node);
    job.told<Assignment>();
    job.fail(3);
    EXPECT_EQ(job.told<Stop>().at("n4").restart_count, 3);
    for (const int node : {2, 3, 4})
        job.ready(node);
    EXPECT_EQ(job.told<Assignment>().at("n4").restart_count, 3);
    job.fail(3);
    EXPECT_EQ(job.told<Finish>().at("n2").verdict.outcome, Outcome::worker_failed);
}

TEST(Takeover, lets_nobody_in_who_is_no_member) {
    Job job = taken_over({.min_nodes = 2, .max_nodes = 3}, {1, 1, 1});
    EXPECT_EQ(job.coordinator.refusal({.id = "n9"}), "node n9 is not a member of run 7.0.0");
    job.report(3, 2);
    EXPECT_EQ(job.coordinator.refusal(job.card(3)), "node n3 takes part already in run 7.0.0");
}

TEST(Coordinator, ends_when_it_may_have_been_given_up) {
    Job job = led({.min_nodes = 1, .max_nodes = 5}, {1, 1, 1, 1, 1});
    job.run();
    for (int node = 1; node <= 5; ++node)
        job.event(node, Started{0});
    fall_silent(job, 3);
    for (const int node : {1, 2, 4, 5})
        job.ready(node);
    EXPECT_EQ(job.coordinator.state(), "running");
    for (const int node : {4, 5})
        fall_silent(job, node);
    job.told<Stop>();
    EXPECT_EQ(job.coordinator.state(), "ending") << "three of the five of round 0 may elect";
    EXPECT_EQ(job.notes.back(),
              "lost node n5: silent for 3 s; this node is cut off from more than half of the "
              "others, who may go on without it");
}

TEST(Coordinator, goes_on_alone_if_all_others_are_dead_for_certain) {
    Job job = led({.min_nodes = 1, .max_nodes = 5}, {1, 1, 1, 1, 1});
    job.run();
    for (const int node : {2, 3, 4, 5})
        job.lose(node);
    job.told<Stop>();
    job.ready(1);
    EXPECT_EQ(job.told<Assignment>().at("n1").world_size, 1);
}

/// Five nodes of which two fall silent: round 1 is of n1, n2 and n3.
Job three_of_five() {
    Job job = led({.min_nodes = 1, .max_nodes = 5, .max_restarts = 3}, {1, 1, 1, 1, 1});
    job.run();
    fall_silent(job, 4);
    fall_silent(job, 5);
    for (const int node : {1, 2, 3})
        job.ready(node);
    return job;
}

TEST(Coordinator, asks_the_round_before_until_all_know_of_the_next) {
    Job job = three_of_five();
    for (const int node : {1, 2})
        job.event(node, Started{1});
    fall_silent(job, 3);
    EXPECT_EQ(job.coordinator.state(), "ending") << "n3, n4 and n5 may be of round 0";
}

TEST(Coordinator, asks_the_next_once_all_have_started_it) {
    Job job = three_of_five();
    for (const int node : {1, 2, 3})
        job.event(node, Started{1});
    fall_silent(job, 3);
    EXPECT_EQ(job.coordinator.state(), "stopping") << "one of three is missing";
}

TEST(Coordinator, asks_the_next_once_all_have_stopped_it) {
    Job job = three_of_five();
    job.fail(1);
    for (const int node : {1, 2, 3})
        job.ready(node);
    fall_silent(job, 3);
    EXPECT_EQ(job.coordinator.state(), "stopping") << "one of three is missing";
}

TEST(Coordinator, counts_those_that_left_for_dead) {
    Job job = led({.min_nodes = 1, .max_nodes = 5}, {1, 1, 1, 1, 1});
    job.run();
    for (const int node : {3, 4}) {
        job.leave(node);
        job.end(node);
    }
    job.time_up();
    for (const int node : {1, 2, 5})
        job.ready(node);
    EXPECT_EQ(job.coordinator.round(), 1);
    fall_silent(job, 5);
    EXPECT_EQ(job.coordinator.state(), "stopping") << "n3 and n4 elect nobody";
}

TEST(Coordinator, counts_those_that_it_gave_up_for_dead) {
    Job job = led({.min_nodes = 1, .max_nodes = 5}, {1, 1, 1, 1, 1});
    job.run();
    job.leave_alone(3);
    for (const int node : {1, 2, 5})
        job.ready(node);
    job.time_up();  // neither n3 nor n4 has stopped its workers
    EXPECT_EQ(job.coordinator.round(), 1);
    fall_silent(job, 5);
    EXPECT_EQ(job.coordinator.state(), "stopping") << "n3 and n4 were told to end";
}

TEST(Takeover, has_successors_of_its_own) {
    Job job = taken_over({.min_nodes = 2, .max_nodes = 4}, {1, 1, 1, 1});
    for (const int node : {2, 3, 4})
        job.report(node, node - 1);
    for (const int node : {2, 3, 4})
        job.ready(node);
    const Roster roster = job.told<Roster>().at("n3");
    EXPECT_EQ(roster.last.epoch, 1);
    EXPECT_EQ(roster.last.number, 4);
    EXPECT_EQ(roster.last.group_size, 3);
    EXPECT_TRUE(roster.last.with_coordinator) << "that is n2 now";
    const std::vector<Successor> successors = {{"n3", {"10.0.0.3", 29400}},
                                               {"n4", {"10.0.0.4", 29400}}};
    EXPECT_EQ(roster.successors, successors);
}

}  // namespace
}  // namespace torchelastic::coordinator
