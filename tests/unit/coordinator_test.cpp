// The coordinator: failures, restarts and ends, as named incidents.
#include <set>

#include <gtest/gtest.h>

#include "coordinator_job.h"

namespace torchelastic::coordinator {
namespace {

TEST(Coordinator, ends_with_success_once_everyone_has_succeeded_and_ended) {
    Job job = four_nodes();
    job.run();
    for (const int node : {1, 2, 3})
        job.succeed(node);
    EXPECT_TRUE(job.told<Finish>().empty());
    job.succeed(4);
    EXPECT_EQ(job.told<Finish>().size(), 4U);
    for (const int node : {1, 2, 3})
        job.end(node);
    EXPECT_FALSE(job.ended) << "left before everyone had the verdict";
    job.end(4);
    ASSERT_TRUE(job.ended);
    EXPECT_EQ(job.ended->verdict.outcome, Outcome::succeeded);
    EXPECT_EQ(job.ended->verdict.exit_code, 0);
}

TEST(Coordinator, tells_everyone_of_a_failure_when_no_restarts_are_left) {
    Job job = four_nodes();
    job.run();
    job.told<Assignment>();
    job.fail(2, 37);
    const auto told = job.told<Finish>();
    ASSERT_EQ(told.size(), 4U);
    EXPECT_EQ(told.at("n4").verdict.exit_code, 37);
    EXPECT_EQ(told.at("n4").verdict.reason,
              "rank 0 (node n2, local rank 0, pid 0) failed: exit code 37; no restarts were asked "
              "for (--max-restarts)");
    job.kill(3);  // a victim of the stop
    job.everyone(&Job::end);
    ASSERT_TRUE(job.ended);
    ASSERT_EQ(job.ended->failures.size(), 2U);
    EXPECT_EQ(job.ended->failures[0].agent, "n2");
    EXPECT_EQ(job.ended->failures[1].agent, "n3");
}

TEST(Coordinator, reports_the_cause_and_then_the_others_by_time) {
    Job job = four_nodes();
    job.run();
    const auto fail = [&](int node, std::int64_t time_us, bool ordered) {
        WorkerFailure failure{.agent = "n" + std::to_string(node), .exit_code = 1};
        failure.time_us = time_us;
        failure.ordered = ordered;
        job.event(node, Failed{0, failure});
    };
    fail(2, 5000, false);
    fail(4, 5300, true);
    fail(3, 5200, false);
    fail(1, 4900, false);  // earlier, but the verdict has been told
    fail(2, 5100, true);
    job.everyone(&Job::end);
    ASSERT_TRUE(job.ended);
    std::string order;
    for (const WorkerFailure& each : job.ended->failures)
        order += each.agent + (each.ordered ? "(ordered) " : " ");
    EXPECT_EQ(order, "n2 n1 n3 n2(ordered) n4(ordered) ");
}

TEST(Coordinator, restarts_all_nodes_with_one_count_until_the_budget_is_spent) {
    Job job = four_nodes(2);
    job.run();
    for (int restart = 1; restart <= 2; ++restart) {
        job.told<Assignment>();
        job.kill(3);
        EXPECT_EQ(job.told<Stop>().size(), 4U);
        job.fail(1);  // its peer was gone: a victim, and free of charge
        job.everyone(&Job::ready);
        const auto assigned = job.told<Assignment>();
        ASSERT_EQ(assigned.size(), 4U);
        for (const auto& [id, each] : assigned) {
            EXPECT_EQ(each.restart_count, restart) << id;
            EXPECT_EQ(each.round, restart) << id;
        }
    }
    job.kill(3);
    const auto told = job.told<Finish>();
    ASSERT_EQ(told.size(), 4U);
    EXPECT_EQ(told.at("n1").verdict.exit_code, 128 + SIGKILL);
}

TEST(Coordinator, restarts_a_node_whose_workers_had_already_succeeded) {
    Job job = four_nodes(1);
    job.run();
    job.succeed(1);
    job.fail(2);
    EXPECT_EQ(job.told<Stop>().size(), 4U);
    job.everyone(&Job::ready);
    for (const int node : {2, 3, 4})
        job.succeed(node);
    EXPECT_TRUE(job.told<Finish>().empty()) << "the success of a past round counted";
    job.succeed(1);
    EXPECT_EQ(job.told<Finish>().size(), 4U);
}

TEST(Coordinator, ignores_what_comes_from_a_past_round) {
    Job job = four_nodes(1);
    job.run();
    job.fail(2);
    job.everyone(&Job::ready);
    job.told<Assignment>();
    job.event(3, Failed{0, {}});
    job.event(3, Succeeded{0});
    EXPECT_TRUE(job.sent.empty());
}

TEST(Coordinator, does_not_retry_what_could_not_be_started) {
    Job job = four_nodes(3);
    job.run();
    job.told<Assignment>();
    WorkerFailure failure{.agent = "n2", .never_started = true, .message = "exec x: no such file"};
    job.event(2, Failed{0, failure});
    const auto told = job.told<Finish>();
    ASSERT_EQ(told.size(), 4U);
    EXPECT_EQ(told.at("n1").verdict.exit_code, 127);
}

TEST(Coordinator, tells_in_the_end_that_every_attempt_failed_at_once) {
    const struct {
        const char* what;
        std::vector<std::pair<int, int>> codes_and_seconds;
        bool told;
    } kCases[] = {
        {"alike and at once", {{1, 2}, {1, 1}, {1, 3}}, true},
        {"one ran for long", {{1, 2}, {1, 600}, {1, 2}}, false},
        {"with different codes", {{1, 2}, {2, 2}, {1, 2}}, false},
        {"a single attempt", {{1, 2}}, false},
    };
    for (const auto& each : kCases) {
        Job job = four_nodes(static_cast<int>(each.codes_and_seconds.size()) - 1);
        job.everyone(&Job::hello);
        for (const auto& [code, seconds] : each.codes_and_seconds) {
            job.everyone(&Job::ready);
            for (const int node : {1, 2, 3, 4})
                job.event(node, Started{job.coordinator.round()});
            job.now += std::chrono::seconds(seconds);
            job.fail(2, code);
        }
        const std::string reason = job.told<Finish>().at("n1").verdict.reason;
        EXPECT_EQ(reason.ends_with("; no restart is left (--max-restarts=2); all 3 attempts failed "
                                   "alike within 3.0 s of their start, which a restart seldom "
                                   "mends"),
                  each.told)
            << each.what << ": " << reason;
        EXPECT_EQ(reason.find("attempts") != reason.npos, each.told) << each.what;
    }
}

TEST(Coordinator, waits_for_those_to_be_told_until_somebody_is_in_a_hurry) {
    Job job = four_nodes();
    job.hello(1);
    job.event(1, Unable{"port 29500 is taken"});
    job.end(1);
    EXPECT_FALSE(job.ended) << "n2 to n4 have not come, and would wait for n1";
    job.leave(1);
    ASSERT_TRUE(job.ended);
    EXPECT_EQ(job.ended->verdict.outcome, Outcome::not_formed);
}

TEST(Coordinator, does_not_wait_for_ever_for_the_last_word) {
    Job job = four_nodes();
    job.run();
    job.fail(1);
    for (const int node : {1, 2, 3})
        job.end(node);
    EXPECT_FALSE(job.ended);
    job.time_up();
    ASSERT_TRUE(job.ended);
    EXPECT_EQ(job.notes.back(), "node n4 did not confirm the end");
}

TEST(Coordinator, takes_a_connection_lost_after_the_verdict_as_an_end) {
    Job job = four_nodes();
    job.run();
    job.fail(1);
    for (const int node : {1, 2, 3})
        job.end(node);
    job.lose(4);
    ASSERT_TRUE(job.ended);
    EXPECT_EQ(job.ended->verdict.outcome, Outcome::worker_failed);
}

TEST(Coordinator, survives_any_order_of_events) {
    // Every event at every moment, from everyone: no crash, no rank handed out twice, an end.
    for (unsigned seed = 1; seed <= 300; ++seed) {
        Job job({.min_nodes = 2, .max_nodes = 3, .max_restarts = 2}, {1, 2, 3, 1});
        unsigned state = seed * 2654435761U;
        const auto roll = [&](unsigned n) {
            state = state * 1664525U + 1013904223U;
            return static_cast<int>((state >> 16) % n);
        };
        for (int step = 0; step < 400 && !job.ended; ++step) {
            const int node = 1 + roll(4);
            switch (roll(16)) {
                case 0:
                    job.fail(node);
                    break;
                case 1:
                    job.succeed(node);
                    break;
                case 2:
                    if (roll(8) == 0) job.lose(node);
                    break;
                case 3:
                    if (roll(8) == 0) job.leave(node);
                    break;
                case 4:
                    job.end(node);
                    break;
                case 15:
                    if (roll(20) == 0) job.event(node, Unable{"why"});
                    break;
                case 5:
                    if (roll(20) == 0) job.time_up();
                    break;
                case 6:
                    job.event(node, Started{job.coordinator.round()});
                    break;
                case 7:
                case 8:
                case 9:
                    job.hello(node);
                    break;
                default:
                    job.ready(node);
                    break;
            }
            const auto assigned = job.told<Assignment>();
            std::set<int> ranks;
            for (const auto& [id, each] : assigned) {
                EXPECT_TRUE(ranks.insert(each.group_rank).second) << "seed " << seed;
                EXPECT_EQ(each.group_world_size, static_cast<int>(assigned.size()));
                EXPECT_LE(each.restart_count, 2);
            }
        }
        for (int node = 1; node <= 4; ++node) {
            job.fail(node), job.fail(node), job.lose(node);
        }
        for (int turn = 0; turn < 3 && !job.ended; ++turn)
            job.time_up();
        EXPECT_TRUE(job.ended) << "seed " << seed;
    }
}

}  // namespace
}  // namespace torchelastic::coordinator
