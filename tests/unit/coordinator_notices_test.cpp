// The coordinator: signals to the whole job, and nodes that are told to go together.
#include <csignal>

#include <gtest/gtest.h>

#include "coordinator_job.h"

namespace torchelastic::coordinator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Job elastic_job() {
    Job job({.min_nodes = 1, .max_nodes = 4, .max_restarts = 3}, {1, 1, 1, 1});
    job.run();
    job.told<Assignment>();
    return job;
}

TEST(Notices, are_news_once_however_many_nodes_hear_of_the_signal) {
    Notices notices;
    const Instant now{};
    EXPECT_TRUE(notices.is_news("n1", SIGUSR1, now));
    EXPECT_FALSE(notices.is_news("n2", SIGUSR1, now + milliseconds(5)));
    EXPECT_FALSE(notices.is_news("n3", SIGUSR1, now + seconds(4)));
    EXPECT_TRUE(notices.is_news("n2", SIGUSR2, now + seconds(4))) << "another signal";
}

TEST(Notices, are_news_again_from_a_node_that_was_heard) {
    Notices notices;
    const Instant now{};
    EXPECT_TRUE(notices.is_news("n1", SIGUSR1, now));
    EXPECT_FALSE(notices.is_news("n2", SIGUSR1, now + seconds(1)));
    EXPECT_TRUE(notices.is_news("n2", SIGUSR1, now + seconds(2)));
    EXPECT_FALSE(notices.is_news("n1", SIGUSR1, now + seconds(2)));
}

TEST(Notices, are_news_again_after_a_while) {
    Notices notices;
    const Instant now{};
    EXPECT_TRUE(notices.is_news("n1", SIGUSR1, now));
    EXPECT_TRUE(notices.is_news("n2", SIGUSR1, now + Notices::kWindow));
}

TEST(Coordinator, passes_a_signal_on_to_all_with_the_deadline) {
    Job job = elastic_job();
    for (const int node : {3, 1, 2, 4})
        job.event(node, Notified{SIGUSR1});
    EXPECT_EQ(job.deadlines_asked, std::vector<int>{SIGUSR1});
    EXPECT_TRUE(job.told<Notify>().empty()) << "the deadline is not known yet";
    job.deadline(SIGUSR1, 1790000000);
    const auto told = job.told<Notify>();
    ASSERT_EQ(told.size(), 4U);
    EXPECT_EQ(told.at("n4"), (Notify{SIGUSR1, 1790000000}));
}

TEST(Coordinator, tells_spares_and_those_between_rounds_but_nobody_who_left) {
    Job job({.min_nodes = 1, .max_nodes = 2, .max_restarts = 3}, {1, 1, 1, 1});
    job.run();
    job.leave_alone(1);
    job.lose(2);
    job.event(3, Notified{SIGUSR2});
    job.deadline(SIGUSR2, 0);
    const auto told = job.told<Notify>();
    EXPECT_EQ(told.size(), 2U);
    EXPECT_TRUE(told.contains("n3"));
    EXPECT_TRUE(told.contains("n4"));
}

TEST(Coordinator, tells_who_comes_later_what_it_missed) {
    Job job = four_nodes();
    for (const int node : {1, 2, 3})
        job.hello(node);
    job.event(1, Notified{SIGUSR1});
    job.deadline(SIGUSR1, 1790000000);
    EXPECT_EQ(job.told<Notify>().size(), 3U);
    job.now += seconds(50);
    job.hello(4);
    const auto told = job.told<Notify>();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told.at("n4"), (Notify{SIGUSR1, 1790000000}));
}

TEST(Coordinator, spares_who_comes_much_later_an_old_signal) {
    Job job = four_nodes();
    job.hello(1);
    job.event(1, Notified{SIGUSR1});
    job.deadline(SIGUSR1, 0);
    job.told<Notify>();
    job.now += Notices::kLatecomers;
    job.hello(2);
    EXPECT_TRUE(job.told<Notify>().empty());
}

TEST(Coordinator, ends_without_a_new_round_if_all_are_told_to_go_within_a_moment) {
    Job job = elastic_job();
    job.leave(2);
    EXPECT_TRUE(job.told<Stop>().empty()) << "others may be told, too";
    job.leave(1);
    job.leave(3);
    job.leave(4);
    EXPECT_TRUE(job.told<Stop>().empty());
    for (const int node : {1, 2, 3, 4})
        job.end(node);
    ASSERT_TRUE(job.ended);
    EXPECT_EQ(job.ended->verdict.outcome, Outcome::interrupted);
    for (const std::string& note : job.notes)
        EXPECT_EQ(note.find("going on"), std::string::npos) << note;
}

TEST(Coordinator, goes_on_when_nobody_else_is_told_to_go) {
    Job job = elastic_job();
    const Instant before = job.now;
    job.leave(2);
    job.time_up();
    EXPECT_LT(job.now - before, seconds(1));
    EXPECT_EQ(job.told<Stop>().size(), 3U);
    EXPECT_NE(job.notes.back().find("node n2 was told to end by SIGTERM; going on with the other"),
              std::string::npos);
}

TEST(Coordinator, takes_a_failure_beside_a_leaving_node_for_its_consequence) {
    Job job = elastic_job();
    job.leave(2);
    job.fail(3, 1);  // a peer's workers were told to end
    EXPECT_EQ(job.told<Stop>().size(), 3U);
    EXPECT_EQ(job.coordinator.restart_count(), 0);
}

TEST(Coordinator, ends_when_too_few_are_left_without_the_leaving_node) {
    Job job({.min_nodes = 2, .max_nodes = 4}, {1, 1, 1, 1});
    job.run();
    job.leave(2);
    for (const int node : {3, 4}) {  // these have done their part
        job.succeed(node);
        job.lose(node);
    }
    job.told<Finish>();
    job.time_up();
    EXPECT_EQ(job.told<Finish>().at("n1").verdict.exit_code, 128 + SIGTERM);
}

TEST(Coordinator, forgets_newcomers_that_wait_when_a_round_stops_for_another_reason) {
    Job job({.min_nodes = 1, .max_nodes = 3, .max_restarts = 3}, {1, 1, 1});
    for (const int node : {1, 2})
        job.hello(node);
    for (const int node : {1, 2})
        job.ready(node);
    job.time_up();
    job.time_up();  // n3 did not come in time
    job.hello(3);
    job.ready(3);
    job.leave(2);  // due before the newcomer's time
    job.time_up();
    EXPECT_EQ(job.told<Stop>().size(), 1U);
    job.ready(1);
    job.end(2);
    EXPECT_EQ(job.coordinator.state(), "running");
    EXPECT_EQ(job.told<Assignment>().size(), 2U);
}

}  // namespace
}  // namespace torchelastic::coordinator
