// The coordinator: who takes part, who comes late, who is lost.
#include <gtest/gtest.h>

#include "coordinator_job.h"

namespace torchelastic::coordinator {
namespace {

TEST(Formation, gives_consecutive_ranks_in_node_order_to_uneven_nodes) {
    Job job = four_nodes();
    for (const int node : {3, 1, 4, 2})
        job.hello(node);
    for (const int node : {4, 3, 2})
        job.ready(node);
    EXPECT_TRUE(job.sent.empty()) << "formed before everyone was ready";
    job.ready(1);
    const auto assigned = job.told<Assignment>();
    ASSERT_EQ(assigned.size(), 4U);
    const int first[] = {0, 2, 4, 8};
    for (int node = 1; node <= 4; ++node) {
        const Assignment& each = assigned.at("n" + std::to_string(node));
        EXPECT_EQ(each.group_rank, node - 1);
        EXPECT_EQ(each.first_rank, first[node - 1]);
        EXPECT_EQ(each.world_size, 12);
        EXPECT_EQ(each.group_world_size, 4);
        EXPECT_EQ(each.master_address, "10.0.0.1");
        EXPECT_EQ(each.master_port, 1001);
        EXPECT_EQ(each.restart_count, 0);
        EXPECT_EQ(each.run_id, "7.0.0");
        EXPECT_EQ(each.members.empty(), node != 1) << "only one serves the store";
    }
    const std::vector<std::string> all{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"};
    EXPECT_EQ(assigned.at("n1").members, all);
}

TEST(Formation, names_every_address_that_workers_may_come_from) {
    std::vector<Candidate> candidates(2);
    candidates[0].card.address = "10.0.0.1";
    candidates[1].card.address = "10.1.0.2";
    candidates[1].card.other_addresses = {"10.0.0.2", "fd00::2"};
    const std::vector<std::string> all{"10.0.0.1", "10.1.0.2", "10.0.0.2", "fd00::2"};
    EXPECT_EQ(assign_ranks(candidates).front().members, all);
}

TEST(Formation, counts_roles_as_torchrun_does) {
    const struct {
        const char* role;
        int workers;
        int first;
        int first_in_role;
        int role_world;
    } kNodes[] = {{"ps", 4, 0, 0, 9},
                  {"trainer", 1, 4, 0, 6},
                  {"trainer", 2, 5, 1, 6},
                  {"trainer", 3, 7, 3, 6},
                  {"ps", 5, 10, 4, 9}};
    std::vector<Candidate> candidates;
    for (const auto& each : kNodes) {
        Card card{.id = "x", .order = static_cast<int>(candidates.size())};
        card.workers = each.workers;
        card.role = each.role;
        candidates.push_back({card, {}});
    }
    const auto assignments = assign_ranks(candidates);
    for (std::size_t i = 0; i < assignments.size(); ++i) {
        EXPECT_EQ(assignments[i].first_rank, kNodes[i].first) << i;
        EXPECT_EQ(assignments[i].first_role_rank, kNodes[i].first_in_role) << i;
        EXPECT_EQ(assignments[i].role_world_size, kNodes[i].role_world) << i;
        EXPECT_EQ(assignments[i].world_size, 15) << i;
    }
}

TEST(Coordinator, ends_the_job_when_a_lost_agent_leaves_fewer_than_min) {
    Job job = four_nodes(3);
    job.run();
    job.told<Assignment>();
    job.lose(3);
    const auto told = job.told<Finish>();
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(told.at("n1").verdict.reason,
              "lost node n3: connection reset by peer; the job ends, because it needs 4 nodes "
              "(--nnodes=MIN:MAX says how few will do)");
    EXPECT_EQ(told.at("n1").verdict.exit_code, 1);
    for (const int node : {1, 2, 4})
        job.end(node);
    EXPECT_TRUE(job.ended);
}

TEST(Coordinator, goes_on_with_min_nodes_at_no_cost) {
    Job job({.min_nodes = 3, .max_nodes = 4}, {2, 2, 4, 4});
    job.run();
    job.told<Assignment>();
    job.lose(2);
    EXPECT_EQ(job.told<Stop>().size(), 3U);
    for (const int node : {4, 3, 1})
        job.ready(node);
    const auto assigned = job.told<Assignment>();
    ASSERT_EQ(assigned.size(), 3U);
    EXPECT_EQ(assigned.at("n1").restart_count, 0);
    EXPECT_EQ(assigned.at("n1").round, 1);
    EXPECT_EQ(assigned.at("n3").first_rank, 2);
    EXPECT_EQ(assigned.at("n3").world_size, 10);
}

TEST(Coordinator, keeps_a_spare_ready_and_lets_it_take_the_lost_ones_place) {
    Job job({.min_nodes = 3, .max_nodes = 3}, {1, 1, 1, 1});
    job.run();
    EXPECT_EQ(job.told<Assignment>().size(), 3U);
    job.lose(2);
    EXPECT_EQ(job.told<Stop>().size(), 2U);
    job.ready(1);
    job.ready(3);
    const auto assigned = job.told<Assignment>();
    ASSERT_EQ(assigned.size(), 3U);
    EXPECT_EQ(assigned.at("n1").first_rank, 0);
    EXPECT_EQ(assigned.at("n4").first_rank, 1);
    EXPECT_EQ(assigned.at("n3").first_rank, 2);
}

TEST(Coordinator, loses_a_spare_without_disturbing_the_round) {
    Job job({.min_nodes = 2, .max_nodes = 2}, {1, 1, 1});
    job.run();
    job.told<Assignment>();
    job.lose(3);
    EXPECT_TRUE(job.sent.empty());
    job.succeed(1);
    job.succeed(2);
    EXPECT_EQ(job.told<Finish>().size(), 2U);
}

TEST(Coordinator, keeps_the_success_of_a_node_that_is_lost_afterwards) {
    Job job = four_nodes();
    job.run();
    job.succeed(3);
    job.lose(3);
    EXPECT_TRUE(job.told<Finish>().empty());
    for (const int node : {1, 2, 4})
        job.succeed(node);
    EXPECT_EQ(job.told<Finish>().at("n1").verdict.outcome, Outcome::succeeded);
}

TEST(Coordinator, ends_once_when_everyone_is_told_to_leave) {
    Job job = four_nodes(2);
    job.run();
    job.told<Assignment>();
    job.everyone(&Job::leave);
    const auto told = job.told<Finish>();
    ASSERT_EQ(told.size(), 4U);
    EXPECT_EQ(told.at("n3").verdict.exit_code, 128 + SIGTERM);
    EXPECT_EQ(told.at("n3").verdict.outcome, Outcome::interrupted);
}

TEST(Coordinator, lets_a_node_leave_if_min_remains) {
    Job job({.min_nodes = 2, .max_nodes = 3}, {1, 1, 1});
    job.run();
    job.told<Assignment>();
    job.leave_alone(2);
    bool finished = false;
    for (const Send& each : job.sent) {
        finished |= each.agent == "n2" && std::holds_alternative<Finish>(each.message);
    }
    EXPECT_TRUE(finished);
    EXPECT_EQ(job.told<Stop>().size(), 2U);
}

TEST(Coordinator, names_those_who_did_not_come) {
    Job job = four_nodes();
    for (const int node : {1, 3})
        job.hello(node);
    for (const int node : {1, 3})
        job.ready(node);
    job.time_up();  // a reminder
    job.time_up();
    const auto told = job.told<Finish>();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told.at("n1").verdict.reason, "no word from n2, n4 within 600 s (join_timeout)");
    EXPECT_EQ(told.at("n1").verdict.outcome, Outcome::not_formed);
}

TEST(Coordinator, says_after_a_while_whom_it_waits_for) {
    Job job = four_nodes();
    job.hello(1);
    job.ready(1);
    job.time_up();
    EXPECT_TRUE(job.sent.empty());
    EXPECT_EQ(job.notes.back(), "waiting for n2, n3, n4, for 600 s in all (join_timeout)");
}

TEST(Coordinator, ends_at_once_when_a_node_cannot_take_part_and_tells_the_late_ones) {
    Job job = four_nodes();
    for (const int node : {1, 3})
        job.hello(node);
    job.ready(1);
    job.event(3, Unable{"no GPU"});
    EXPECT_EQ(job.told<Finish>().at("n1").verdict.reason, "node n3 cannot take part: no GPU");
    job.end(1);
    job.end(3);
    EXPECT_FALSE(job.ended) << "n2 and n4 would look for a coordinator for ever";
    for (const int node : {2, 4}) {
        job.hello(node);
        EXPECT_EQ(job.told<Finish>().size(), 1U);
        job.end(node);
    }
    ASSERT_TRUE(job.ended);
    EXPECT_EQ(job.ended->verdict.outcome, Outcome::not_formed);
}

TEST(Coordinator, does_not_wait_for_ever_to_tell_those_who_never_come) {
    Job job = four_nodes();
    job.hello(1);
    job.hello(4);
    job.event(4, Unable{"no GPU"});
    job.end(1);
    job.end(4);
    EXPECT_FALSE(job.ended);
    job.time_up();
    EXPECT_TRUE(job.ended);
}

TEST(Coordinator, forgets_whom_it_would_have_told_once_a_round_has_formed) {
    Job job({.min_nodes = 2, .max_nodes = 4}, {1, 1, 1, 1});
    for (const int node : {1, 2, 4})
        job.hello(node);
    for (const int node : {1, 2})
        job.ready(node);
    job.event(4, Unable{"no GPU"});
    job.time_up();  // a reminder
    job.time_up();  // n3 never came
    EXPECT_EQ(job.told<Assignment>().size(), 2U);
    for (const int node : {1, 2})
        job.succeed(node);
    for (const int node : {1, 2})
        job.end(node);
    EXPECT_FALSE(job.ended) << "n4 may not know yet";
    job.end(4);
    EXPECT_TRUE(job.ended);
}

TEST(Coordinator, goes_on_without_a_node_that_cannot_take_part_if_min_remains) {
    Job job({.min_nodes = 2, .max_nodes = 3}, {1, 1, 1});
    job.everyone(&Job::hello);
    for (const int node : {1, 2})
        job.ready(node);
    job.event(3, Unable{"no GPU"});
    job.end(3);
    EXPECT_EQ(job.told<Assignment>().size(), 2U);
}

TEST(Coordinator, begins_without_the_missing_if_min_has_come) {
    Job job({.min_nodes = 2, .max_nodes = 3}, {1, 1, 1});
    for (const int node : {1, 3})
        job.hello(node);
    for (const int node : {1, 3})
        job.ready(node);
    job.time_up();
    EXPECT_TRUE(job.sent.empty());
    job.time_up();
    EXPECT_EQ(job.told<Assignment>().size(), 2U);
}

TEST(Coordinator, gives_up_on_a_node_that_cannot_stop_its_workers) {
    Job job = four_nodes(1);
    job.run();
    job.fail(1);
    for (const int node : {1, 2, 4})
        job.ready(node);
    job.told<Stop>();
    job.time_up();
    EXPECT_EQ(job.told<Finish>().at("n1").verdict.reason, "lost node n3: its workers did not stop");
}

TEST(Coordinator, refuses_strangers_and_doubles) {
    Job job = four_nodes();
    job.hello(1);
    EXPECT_EQ(job.coordinator.refusal({.id = "n1"}), "node n1 takes part already in run 7.0.0");
    EXPECT_EQ(job.coordinator.refusal({.id = "n9"}), "node n9 is not a member of run 7.0.0");
    EXPECT_FALSE(job.coordinator.refusal({.id = "n2"}));
    job.lose(1);
    EXPECT_EQ(job.coordinator.refusal({.id = "n1"}), "node n1 has already left run 7.0.0");
}

TEST(Coordinator, begins_no_round_while_a_leaving_node_stops_its_workers) {
    Job job({.min_nodes = 2, .max_nodes = 3}, {1, 1, 1});
    job.run();
    job.told<Assignment>();
    job.leave_alone(3);
    for (const int node : {1, 2})
        job.ready(node);
    EXPECT_TRUE(job.told<Assignment>().empty()) << "n3's workers may still write";
    job.end(3);
    EXPECT_EQ(job.told<Assignment>().size(), 2U);
}

TEST(Coordinator, takes_the_loss_of_a_leaving_node_for_its_last_word) {
    Job job({.min_nodes = 2, .max_nodes = 3}, {1, 1, 1});
    job.run();
    job.told<Assignment>();
    job.leave_alone(3);
    for (const int node : {1, 2})
        job.ready(node);
    job.event(3, Lost{"silent for 3 s", false});
    EXPECT_EQ(job.told<Assignment>().size(), 2U);
}

TEST(Coordinator, waits_in_the_end_for_those_that_left_before) {
    Job job({.min_nodes = 1, .max_nodes = 2}, {1, 1});
    job.run();
    job.leave(1);
    job.leave(2);
    job.end(2);
    EXPECT_FALSE(job.ended) << "the workers of n1 may still run";
    job.end(1);
    EXPECT_TRUE(job.ended);
}

TEST(Coordinator, restarts_only_with_min) {
    Job job({.min_nodes = 2, .max_nodes = 2, .max_restarts = 3}, {1, 1});
    job.run();
    job.succeed(2);
    job.lose(2);
    job.told<Assignment>();
    job.fail(1, 37);
    const auto told = job.told<Finish>();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told.at("n1").verdict.exit_code, 37);
}

TEST(Coordinator, ends_no_round_for_a_newcomer_with_whom_too_few_remain) {
    Job job({.min_nodes = 3, .max_nodes = 4, .max_restarts = 3}, {1, 1, 1, 1});
    for (const int node : {1, 2, 3})
        job.hello(node);
    for (const int node : {1, 2, 3})
        job.ready(node);
    job.time_up();
    job.time_up();  // n4 did not come in time
    for (const int node : {2, 3}) {
        job.succeed(node);
        job.lose(node);
    }
    job.hello(4);
    job.ready(4);
    job.time_up();
    EXPECT_TRUE(job.told<Stop>().empty());
}

}  // namespace
}  // namespace torchelastic::coordinator
