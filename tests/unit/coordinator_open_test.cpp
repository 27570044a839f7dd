// The coordinator where nobody knows who will come (c10d, etcd), or by place only (static).
#include <gtest/gtest.h>

#include "coordinator_job.h"

namespace torchelastic::coordinator {
namespace {

using std::chrono::seconds;

Job open_job(int min, int max, std::vector<int> workers) {
    Plan plan{.membership = Membership::open, .min_nodes = min, .max_nodes = max};
    return Job(plan, std::move(workers));
}

void join(Job& job, int node) {
    job.hello(node);
    job.ready(node);
}

TEST(OpenJob, begins_at_once_when_max_have_come) {
    Job job = open_job(1, 2, {1, 1});
    join(job, 1);
    EXPECT_TRUE(job.sent.empty());
    join(job, 2);
    EXPECT_EQ(job.told<Assignment>().size(), 2U);
}

TEST(OpenJob, begins_after_a_last_call_when_min_have_come) {
    Job job = open_job(2, 4, {1, 1, 1, 1});
    join(job, 1);
    join(job, 2);
    EXPECT_EQ(job.alarm, Instant{} + seconds(3));
    job.now += seconds(2);
    join(job, 3);
    EXPECT_EQ(job.alarm, Instant{} + seconds(3)) << "the call is not drawn out by who comes";
    job.time_up();
    EXPECT_EQ(job.told<Assignment>().size(), 3U);
}

TEST(OpenJob, takes_back_its_last_call_when_too_few_are_left) {
    Job job = open_job(2, 4, {1, 1, 1});
    join(job, 1);
    join(job, 2);
    job.lose(1);
    job.time_up();
    EXPECT_TRUE(job.told<Assignment>().empty());
    join(job, 3);
    job.time_up();
    EXPECT_EQ(job.told<Assignment>().size(), 2U);
}

TEST(OpenJob, says_how_many_it_waits_for_and_gives_up) {
    Job job = open_job(3, 3, {1, 1, 1});
    join(job, 1);
    job.time_up();
    ASSERT_FALSE(job.notes.empty());
    EXPECT_EQ(job.notes.back(), "waiting for 2 more nodes, for 600 s in all (join_timeout)");
    job.time_up();
    EXPECT_EQ(job.told<Finish>().at("n1").verdict.reason,
              "no word from 2 more nodes within 600 s (join_timeout)");
}

TEST(OpenJob, takes_a_burst_of_newcomers_in_with_one_new_round) {
    Job job = open_job(1, 4, {1, 1, 1, 1});
    join(job, 1);
    job.time_up();
    job.told<Assignment>();
    for (const int node : {4, 2, 3})
        join(job, node);
    EXPECT_TRUE(job.sent.empty());
    job.time_up();
    EXPECT_EQ(job.told<Stop>().size(), 1U);
    job.ready(1);
    const auto assigned = job.told<Assignment>();
    ASSERT_EQ(assigned.size(), 4U);
    EXPECT_EQ(assigned.at("n1").group_rank, 0);
    EXPECT_EQ(assigned.at("n3").round, 1);
    EXPECT_EQ(assigned.at("n3").restart_count, 0) << "newcomers cost no restart";
}

TEST(OpenJob, lets_those_beyond_max_wait_without_a_new_round) {
    Job job = open_job(1, 2, {1, 1, 1});
    join(job, 1);
    join(job, 2);
    job.told<Assignment>();
    const Instant before = job.alarm;
    join(job, 3);
    EXPECT_TRUE(job.sent.empty());
    EXPECT_EQ(job.alarm, before);
    EXPECT_EQ(job.notes.back(), "node n3 stands by: 2 nodes run");
    job.lose(1);
    job.ready(2);
    const auto assigned = job.told<Assignment>();
    EXPECT_EQ(assigned.at("n3").group_rank, 0) << "the lost node's place";
    EXPECT_EQ(assigned.at("n2").group_rank, 1);
}

TEST(OpenJob, does_not_end_a_round_for_a_newcomer_that_is_gone_again) {
    Job job = open_job(1, 4, {1, 1});
    join(job, 1);
    job.time_up();
    job.told<Assignment>();
    join(job, 2);
    job.lose(2);
    job.time_up();
    EXPECT_TRUE(job.sent.empty());
}

TEST(OpenJob, takes_in_a_newcomer_behind_one_that_is_gone_again) {
    Job job = open_job(1, 3, {1, 1, 1});
    join(job, 1);
    job.time_up();
    join(job, 2);
    job.lose(2);
    job.time_up();
    join(job, 3);
    EXPECT_EQ(job.alarm, job.now + seconds(3));
    job.time_up();
    EXPECT_EQ(job.told<Stop>().size(), 1U);
}

TEST(OpenJob, knows_an_agent_without_a_name) {
    Job job = open_job(1, 1, {1});
    Card card = job.card(1);
    card.id.clear();
    job.take(job.coordinator.handle({"", Hello{card}}, job.now));
    job.take(job.coordinator.handle({"", Ready{}}, job.now));
    EXPECT_EQ(job.told<Assignment>().size(), 1U);
    EXPECT_EQ(job.coordinator.state(), "running");
}

TEST(OpenJob, ends_when_its_last_node_is_gone) {
    Job job = open_job(1, 2, {1, 1});
    join(job, 1);
    join(job, 2);
    job.leave(1);
    job.end(1);
    job.ready(2);
    job.lose(2);
    ASSERT_TRUE(job.ended) << "nobody is there to wait for somebody else";
    EXPECT_EQ(job.ended->verdict.outcome, Outcome::agent_lost);
}

TEST(OpenJob, waits_for_another_node_when_too_few_are_left) {
    Job job = open_job(2, 2, {1, 1, 1});
    join(job, 1);
    join(job, 2);
    job.told<Assignment>();
    job.lose(2);
    EXPECT_EQ(job.told<Stop>().size(), 1U);
    job.ready(1);
    EXPECT_TRUE(job.sent.empty());
    join(job, 3);
    const auto assigned = job.told<Assignment>();
    ASSERT_EQ(assigned.size(), 2U);
    EXPECT_EQ(assigned.at("n3").restart_count, 0);
}

TEST(OpenJob, gives_up_when_nobody_comes_in_place_of_the_lost) {
    Job job = open_job(2, 2, {1, 1});
    join(job, 1);
    join(job, 2);
    job.told<Assignment>();
    job.now += seconds(1000);
    job.lose(2);
    job.ready(1);
    job.time_up();
    job.time_up();
    EXPECT_EQ(job.now, Instant{} + seconds(1600));
    EXPECT_EQ(job.told<Finish>().at("n1").verdict.outcome, Outcome::not_formed);
}

TEST(OpenJob, ends_at_once_when_a_node_cannot_take_part_and_tells_the_late_ones) {
    Job job = open_job(2, 2, {1, 1});
    job.hello(1);
    job.event(1, Unable{"no GPU"});
    EXPECT_EQ(job.told<Finish>().size(), 1U);
    job.end(1);
    EXPECT_FALSE(job.ended);
    job.hello(2);
    EXPECT_EQ(job.told<Finish>().at("n2").verdict.reason, "node n1 cannot take part: no GPU");
    job.end(2);
    EXPECT_TRUE(job.ended);
}

Job ranked_job() {
    return Job({.membership = Membership::ranked, .min_nodes = 2, .max_nodes = 2}, {1, 1, 1});
}

Card ranked(int node, int rank) {
    return {.id = "n" + std::to_string(node), .address = "10.0.0.1", .order = rank};
}

TEST(RankedJob, orders_nodes_by_the_ranks_that_they_bring) {
    Job job = ranked_job();
    job.event(1, Hello{ranked(1, 1)});
    job.ready(1);
    job.event(2, Hello{ranked(2, 0)});
    job.ready(2);
    const auto assigned = job.told<Assignment>();
    EXPECT_EQ(assigned.at("n2").group_rank, 0);
    EXPECT_EQ(assigned.at("n1").group_rank, 1);
}

TEST(RankedJob, refuses_a_rank_that_is_taken_or_beyond) {
    Job job = ranked_job();
    job.event(3, Hello{ranked(3, 0)});
    job.event(1, Hello{ranked(1, 1)});
    EXPECT_EQ(job.coordinator.refusal(ranked(2, 1)),
              "node n2 has --node-rank=1, as node n1 has in run 7.0.0");
    EXPECT_EQ(job.coordinator.refusal(ranked(2, 2)),
              "node n2 has --node-rank=2, and there are 2 nodes in run 7.0.0");
    job.lose(1);
    EXPECT_FALSE(job.coordinator.refusal(ranked(2, 1))) << "in place of the lost";
}

TEST(RankedJob, names_the_ranks_that_did_not_come) {
    Job job = ranked_job();
    job.event(1, Hello{ranked(1, 0)});
    job.ready(1);
    job.time_up();
    EXPECT_EQ(job.notes.back(), "waiting for node rank 1, for 600 s in all (join_timeout)");
}

}  // namespace
}  // namespace torchelastic::coordinator
