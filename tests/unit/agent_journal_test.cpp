// What an agent's journal makes of a run: one word for each event, and the state between them.
#include <csignal>

#include <gtest/gtest.h>

#include "agent/journal.h"

namespace torchelastic::agent {
namespace {

using namespace coordinator;
using std::chrono::milliseconds;

/// A journal, and a lifecycle whose every step it sees, one millisecond apart.
class Life {
public:
    explicit Life(int workers = 2) : lifecycle_(workers) {
        take(journal.begin(tick()));
        perform(lifecycle_.begin());
    }
    explicit Life(const std::string& trouble) : lifecycle_(1) {
        perform(lifecycle_.begin(trouble));
    }

    Life& operator()(const Event& event) {
        take(journal.hear(event, tick()));
        perform(lifecycle_.handle(event));
        return *this;
    }

    /// The last part of each event's name, and "worker RANK" or "agent".
    std::string said() {
        std::string text;
        for (const report::Event& each : std::exchange(events, {})) {
            const std::string name(report::event_names()[static_cast<std::size_t>(each.kind)].name);
            text += text.empty() ? "" : ", ";
            text += name.substr(name.rfind('.') + 1);
            if (each.worker) text += " " + std::to_string(each.worker->rank);
        }
        return text;
    }

    Moment now() const { return {Instant{} + since_, WallTime{} + since_}; }

    Journal journal{Moment{}};
    Journal::Events events;

private:
    Moment tick() {
        since_ += milliseconds(1);
        return now();
    }
    void take(const Journal::Events& more) {
        events.insert(events.end(), more.begin(), more.end());
    }
    void perform(const std::vector<Action>& actions) {
        for (const Action& each : actions)
            take(journal.act(each, tick()));
    }

    milliseconds since_{0};
    Lifecycle lifecycle_;
};

Assignment round(int number, int restarts) {
    Assignment assignment;
    assignment.round = number;
    assignment.restart_count = restarts;
    assignment.group_rank = 1;
    assignment.group_world_size = 2;
    assignment.first_rank = 2;
    assignment.world_size = 4;
    assignment.first_role_rank = 2;
    assignment.role_world_size = 4;
    return assignment;
}

WorkerEnded good(int local_rank) {
    return {local_rank, std::nullopt};
}

WorkerEnded bad(int local_rank, int code) {
    WorkerFailure failure{.agent = "n1", .local_rank = local_rank, .exit_code = code};
    failure.message = "no data";
    return {local_rank, failure};
}

const Verdict kSuccess = {Outcome::succeeded, 0, "all workers succeeded"};

TEST(Journal, tells_a_plain_run) {
    Life life;
    EXPECT_EQ(life.said(), "started");
    life(round(0, 0))(WorkersStarted{{70, 71}});
    EXPECT_EQ(life.said(), "RENDEZVOUS, ASSIGN_WORKER_RANKS, formed, START 2, START 3, started");
    life(good(1))(good(0));
    EXPECT_EQ(life.said(), "SUCCEEDED 3, SUCCEEDED 2");
    life(Finish{kSuccess})(AllStopped{});
    EXPECT_EQ(life.said(), "stopping, stopped, verdict, SUCCEEDED");
    life(LinkLost{"it has ended"});
    EXPECT_EQ(life.said(), "");
}

TEST(Journal, tells_a_restart_and_its_reason) {
    Life life;
    life(round(0, 0))(WorkersStarted{{70, 71}});
    life.said();
    life(bad(1, 7))(Stop{0, "rank 3 failed"})(bad(0, 15))(AllStopped{});
    const auto events = life.events;
    EXPECT_EQ(life.said(), "FAILED 3, restarting, stopping, TERMINATED 2, stopped");
    EXPECT_EQ(events[0].exit_code, 7);
    EXPECT_EQ(events[0].error, "no data");
    EXPECT_EQ(events[0].worker->pid, 71);
    EXPECT_EQ(events[1].reason, "rank 3 failed");
    EXPECT_EQ(events[2].reason, "rank 3 failed");
    EXPECT_EQ(events[2].signal, SIGTERM);
    EXPECT_EQ(events[4].duration, events[4].since_start - events[2].since_start);
    life(round(1, 1));
    EXPECT_EQ(life.events[2].restarts, 1);
    EXPECT_EQ(life.events[2].round, 1);
    // From the failure to the next round.
    EXPECT_EQ(life.events[2].duration, life.events[2].since_start - events[0].since_start);
}

TEST(Journal, tells_who_ended_the_job) {
    Life life;
    life(round(0, 0))(WorkersStarted{{70, 71}});
    life.said();
    life(Signalled{SIGTERM})(bad(0, 143))(bad(1, 143))(AllStopped{});
    EXPECT_EQ(life.events[0].signal, SIGTERM);
    EXPECT_EQ(life.said(), "told_to_end, stopping, TERMINATED 2, TERMINATED 3, stopped");
    life(Finish{{Outcome::interrupted, 143, "told to end"}});
    EXPECT_EQ(life.events[0].outcome, "interrupted");
    EXPECT_EQ(life.events[0].exit_code, 143);
    EXPECT_EQ(life.said(), "verdict, FAILED");
}

TEST(Journal, tells_a_lost_coordinator_and_a_program_that_is_not_there) {
    Life lost;
    lost(round(0, 0))(WorkersStarted{{70, 71}});
    lost.said();
    lost(LinkLost{"reset by peer"})(AllStopped{});
    EXPECT_EQ(lost.events[1].reason, "reset by peer");
    EXPECT_EQ(lost.said(), "lost, stopping, stopped");
    lost(NoCoordinator{"reset by peer; nobody is left"});
    EXPECT_EQ(lost.events[0].outcome, "coordinator_lost");
    EXPECT_EQ(lost.events[0].reason, "lost the coordinator: reset by peer; nobody is left");
    EXPECT_EQ(lost.said(), "verdict, FAILED");

    Life missing;
    missing(round(0, 0));
    missing.said();
    WorkerEnded never = bad(0, 0);
    never.failure->never_started = true;
    missing(never);
    EXPECT_EQ(missing.events[0].exit_code, 127);
    EXPECT_EQ(missing.events[0].worker->pid, 0);
    EXPECT_EQ(missing.said(), "FAILED 2");
}

TEST(Journal, tells_how_it_goes_on_with_another_coordinator) {
    Life life;
    life(round(0, 0))(WorkersStarted{{70, 71}});
    life.said();
    life(LinkLost{"reset by peer"})(bad(1, 143))(AllStopped{})(NewCoordinator{});
    EXPECT_EQ(words(life.journal.state()), "waiting");
    EXPECT_EQ(life.said(), "lost, stopping, TERMINATED 3, stopped");
    life(round(1, 0))(WorkersStarted{{72, 73}});
    EXPECT_EQ(life.said(), "RENDEZVOUS, ASSIGN_WORKER_RANKS, formed, START 2, START 3, started");
    EXPECT_EQ(life.journal.round(), 1);
}

TEST(Journal, tells_why_a_node_cannot_take_part) {
    Life life("no GPU");
    EXPECT_EQ(life.events[0].reason, "no GPU");
    EXPECT_EQ(life.said(), "unable");
}

TEST(Journal, tells_of_timers) {
    Life life;
    life.said();
    watchdog::Happening happening{{70, 5, "step", 1.5, SIGKILL}, true, "words"};
    life.events = life.journal.timer_expired(happening, life.now());
    EXPECT_EQ(life.events[0].reason, "words");
    EXPECT_EQ(life.events[1].timer->scope, "step");
    EXPECT_EQ(life.said(), "timer expired, kill worker process");
    happening.killed = false;
    life.events = life.journal.timer_expired(happening, life.now());
    EXPECT_EQ(life.said(), "timer expired");
}

TEST(Journal, knows_the_state_of_the_moment) {
    Life life;
    const auto state = [&] { return std::string(words(life.journal.state())); };
    EXPECT_EQ(state(), "waiting");
    EXPECT_EQ(life.journal.round(), -1);
    life(round(3, 2))(WorkersStarted{{70, 71}});
    EXPECT_EQ(state(), "running");
    EXPECT_EQ(life.journal.round(), 3);
    EXPECT_EQ(life.journal.restart_count(), 2);
    EXPECT_EQ(life.journal.running(), 2);
    life(good(0));
    EXPECT_EQ(life.journal.running(), 1);
    EXPECT_EQ(life.journal.changed().instant, life.now().instant);
    life(Stop{3, "why"});
    EXPECT_EQ(state(), "stopping");
    life(AllStopped{});
    EXPECT_EQ(state(), "waiting");
    EXPECT_EQ(life.journal.running(), 0);
    life(Finish{kSuccess});
    EXPECT_EQ(state(), "over");
}

}  // namespace
}  // namespace torchelastic::agent
