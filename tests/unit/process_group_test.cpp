#include <sys/ptrace.h>

#include "process/child.h"
#include "process/group.h"
#include "process/stopping.h"
#include "process_fixture.h"

namespace torchelastic::process {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Stdio kQuiet{Stdio::In::null, Stream::null(), Stream::null()};

struct Incident {
    const char* name;
    Sight sight;
    Move move;
};

const Incident kIncidents[] = {
    {"nothing is left", {}, Move::finish},
    {"workers have time", {.workers = 2}, Move::wait},
    {"the shell died, the training in its group has time", {.members = 1}, Move::wait},
    {"only a daemon elsewhere is left", {.escaped = 1}, Move::kill},
    {"workers have time, a daemon does not hurry them", {.workers = 1, .escaped = 1}, Move::wait},
    {"the grace is over", {.workers = 1, .grace_over = true}, Move::kill},
    {"the grace is over for the group", {.members = 1, .grace_over = true}, Move::kill},
    {"the kernel cannot kill it",
     {.workers = 1, .grace_over = true, .limit_over = true},
     Move::finish},
    {"the kernel cannot kill the daemon", {.escaped = 1, .limit_over = true}, Move::finish},
};

TEST(Stopping, decides) {
    for (const Incident& incident : kIncidents) {
        EXPECT_EQ(next_move(incident.sight), incident.move) << incident.name;
    }
}

/// A world with workers, which remembers how they ended.
struct Round : World {
    using World::World;

    void start(const std::vector<std::string>& scripts, const Stdio& stdio = kQuiet) {
        std::vector<Worker> workers;
        for (const std::string& script : scripts) {
            workers.push_back({static_cast<int>(workers.size()), shell(script), stdio});
        }
        auto started = Group::start(loop, *reaper, workers, [this](const WorkerExit& exit) {
            exits.push_back(exit);
            if (stop_when_all_exited && exits.size() == expected) loop.stop();
        });
        ASSERT_TRUE(started) << started.error().text();
        expected = workers.size();
        group = std::move(*started);
    }

    void run_until_exits() {
        stop_when_all_exited = true;
        run();
        stop_when_all_exited = false;
    }

    Duration stop(int signal, Duration grace) {
        const auto before = std::chrono::steady_clock::now();
        group->stop(signal, grace, [this](std::vector<Process> left) {
            stragglers = std::move(left);
            exits_when_done = exits.size();
            loop.stop();
        });
        EXPECT_FALSE(stragglers) << "done was called from within stop()";
        run();
        EXPECT_TRUE(stragglers);
        EXPECT_EQ(exits_when_done, expected);
        return std::chrono::steady_clock::now() - before;
    }

    std::optional<Group> group;
    std::size_t expected = 0;
    bool stop_when_all_exited = false;
    std::vector<WorkerExit> exits;
    std::size_t exits_when_done = 0;
    std::optional<std::vector<Process>> stragglers;
};

class GroupNoticed : public testing::TestWithParam<Notice> {};

INSTANTIATE_TEST_SUITE_P(By, GroupNoticed,
                         testing::Values(Notice::best, Notice::pidfd, Notice::sigchld));

TEST_P(GroupNoticed, tells_of_every_exit) {
    Round round(GetParam());
    const auto before = std::chrono::system_clock::now();
    round.start({"exit 0", "exit 37", "kill -9 $$"});
    EXPECT_EQ(round.group->running(), 3U);
    round.run_until_exits();
    EXPECT_EQ(round.group->running(), 0U);
    int codes[3] = {};
    for (const WorkerExit& exit : round.exits) {
        codes[exit.local_rank] = exit.status.torchrun_code();
        EXPECT_EQ(exit.pid, round.group->pid(exit.local_rank));
        EXPECT_GE(exit.at, before);
    }
    EXPECT_EQ(codes[0], 0);
    EXPECT_EQ(codes[1], 37);
    EXPECT_EQ(codes[2], -9);
}

TEST_P(GroupNoticed, stops_workers_that_obey_at_once) {
    Round round(GetParam());
    Ready ready;
    round.start({"echo; exec sleep 1000", "echo; exec sleep 1000"}, ready.stdio());
    EXPECT_EQ(ready.line() + ready.line(), "");
    const Duration took = round.stop(SIGTERM, seconds(20));
    EXPECT_LT(took, seconds(1));
    EXPECT_TRUE(round.stragglers->empty());
    for (const WorkerExit& exit : round.exits) {
        EXPECT_EQ(exit.status, ExitStatus::killed_by(SIGTERM));
    }
    EXPECT_TRUE(Reaper::childless());
}

TEST_P(GroupNoticed, kills_a_worker_that_ignores_sigterm_after_the_grace) {
    Round round(GetParam());
    Ready ready;
    round.start({"trap '' TERM; echo; while :; do :; done"}, ready.stdio());
    ready.line();
    const Duration took = round.stop(SIGTERM, milliseconds(100));
    EXPECT_GE(took, milliseconds(100));
    EXPECT_LT(took, seconds(5));
    ASSERT_EQ(round.exits.size(), 1U);
    EXPECT_EQ(round.exits[0].status, ExitStatus::killed_by(SIGKILL));
    EXPECT_TRUE(Reaper::childless());
}

TEST(Group, finds_a_daemon_that_forked_twice_in_a_session_of_its_own) {
    Round round;
    Ready ready;
    round.start(
        {"(setsid sh -c 'trap \"\" TERM HUP; echo $$; while :; do :; done' &); exec sleep 1000"},
        ready.stdio());
    const pid_t daemon = ready.pid();
    EXPECT_FALSE(gone(daemon));
    EXPECT_LT(round.stop(SIGTERM, seconds(20)), seconds(2));
    EXPECT_TRUE(gone(daemon));
    EXPECT_TRUE(round.stragglers->empty());
    EXPECT_TRUE(Reaper::childless());
}

TEST(Group, sweeps_what_workers_left_that_exited_by_themselves) {
    Round round;
    Ready ready;
    round.start({"sh -c 'echo $$; exec sleep 1000' & read x < /dev/null; exit 1",
                 "(setsid sh -c 'echo $$; exec sleep 1000' &); exit 0"},
                ready.stdio());
    const pid_t loader = ready.pid();
    const pid_t daemon = ready.pid();
    round.run_until_exits();
    EXPECT_FALSE(gone(loader));
    EXPECT_FALSE(gone(daemon));
    EXPECT_LT(round.stop(SIGTERM, seconds(20)), seconds(2));
    EXPECT_TRUE(gone(loader));
    EXPECT_TRUE(gone(daemon));
}

TEST(Group, gives_the_grace_to_the_whole_group_not_to_its_shell_alone) {
    Round round;
    Ready ready;
    round.start({"sh -c 'trap \"echo checkpoint written; exit\" TERM; echo; while :; do :; done' &"
                 " exec sleep 1000"},
                ready.stdio());
    ready.line();
    EXPECT_LT(round.stop(SIGTERM, seconds(20)), seconds(5));
    EXPECT_EQ(ready.line(), "checkpoint written");
}

TEST(Group, asks_the_children_of_a_dead_leader_too) {
    Round round;
    Ready ready;
    round.start({"sh -c 'trap \"echo asked; exit\" TERM; echo; while :; do :; done' & exit 1"},
                ready.stdio());
    ready.line();
    round.run_until_exits();
    EXPECT_LT(round.stop(SIGTERM, seconds(20)), seconds(5));
    EXPECT_EQ(ready.line(), "asked");
}

TEST(Group, wakes_a_stopped_worker_to_let_it_end) {
    Round round;
    Ready ready;
    round.start({"trap 'echo bye; exit 4' TERM; echo; while :; do :; done"}, ready.stdio());
    ready.line();
    ::kill(-round.group->pid(0), SIGSTOP);
    EXPECT_LT(round.stop(SIGTERM, seconds(20)), seconds(5));
    EXPECT_EQ(ready.line(), "bye");
    EXPECT_EQ(round.exits[0].status, ExitStatus::exited(4));
}

TEST(Group, is_stopped_faster_when_told_again) {
    Round round;
    Ready ready;
    round.start({"trap '' TERM; echo; while :; do :; done"}, ready.stdio());
    ready.line();
    round.group->stop(SIGTERM, seconds(1000), [](std::vector<Process>) { FAIL(); });
    EXPECT_LT(round.stop(SIGKILL, seconds(1000)), seconds(5));
}

TEST(Group, takes_a_grace_without_end) {
    Round round;
    Ready ready;
    round.start({"echo; exec sleep 1000"}, ready.stdio());
    ready.line();
    EXPECT_LT(round.stop(SIGTERM, Duration::max()), seconds(5));
}

TEST(Group, may_be_destroyed_from_its_events) {
    Round round;
    bool done = false;
    auto group = Group::start(round.loop, *round.reaper, {{0, shell("exit 0"), kQuiet}},
                              [&](const WorkerExit&) {
                                  round.group.reset();
                                  round.loop.stop();
                              });
    round.group = std::move(*group);
    round.run();
    round.start({"exit 0"});
    round.group->stop(SIGTERM, seconds(1), [&](std::vector<Process>) {
        round.group.reset();
        done = true;
        round.loop.stop();
    });
    round.run();
    EXPECT_TRUE(done);
}

TEST(Group, takes_everything_with_it_when_it_is_destroyed) {
    Round round;
    Ready ready;
    round.start({"(setsid sh -c 'echo $$; exec sleep 1000' &); exec sleep 1000",
                 "trap '' TERM; echo $$; while :; do :; done"},
                ready.stdio());
    const pid_t first = ready.pid();
    const pid_t second = ready.pid();
    round.group.reset();
    EXPECT_TRUE(gone(first));
    EXPECT_TRUE(gone(second));
    EXPECT_TRUE(Reaper::childless());
}

TEST(Group, that_cannot_start_whole_does_not_start) {
    Round round;
    const Scratch scratch;
    const std::vector<Worker> workers = {
        {0, shell("exec sleep 1000"), kQuiet},
        {1, shell("exec sleep 1000"), kQuiet},
        {2, {{"/usr/bin/python9", "train.py"}, {}}, kQuiet},
    };
    const auto group =
        Group::start(round.loop, *round.reaper, workers, [](const WorkerExit&) { FAIL(); });
    ASSERT_FALSE(group);
    EXPECT_EQ(group.error().text(),
              "local rank 2: start /usr/bin/python9: exec /usr/bin/python9: no such file or "
              "directory");
    EXPECT_TRUE(Reaper::childless());
}

TEST(Group, does_not_start_if_the_first_of_many_cannot) {
    Round round;
    std::vector<Worker> workers(20, {1, shell("exec sleep 1000"), kQuiet});
    workers[0].stdio.out = Stream::file("/nowhere/0/stdout.log");
    const auto group =
        Group::start(round.loop, *round.reaper, workers, [](const WorkerExit&) { FAIL(); });
    ASSERT_FALSE(group);
    EXPECT_EQ(
        group.error().text(),
        "local rank 1: start /bin/sh: open stdout file /nowhere/0/stdout.log: no such file or "
        "directory");
    EXPECT_TRUE(Reaper::childless());
}

TEST(Group, leaves_other_children_of_ours_alone) {
    Round round;
    Ready ready;
    auto other = Child::start(round.loop, *round.reaper,
                              shell("sh -c 'echo $$; exec sleep 1000' & wait"), ready.stdio(), {});
    const pid_t below_other = ready.pid();
    round.start({"(setsid sh -c 'echo $$; exec sleep 1000' &); exec sleep 1000"}, ready.stdio());
    const pid_t daemon = ready.pid();
    EXPECT_LT(round.stop(SIGTERM, seconds(20)), seconds(2));
    EXPECT_TRUE(gone(daemon));
    EXPECT_FALSE(other->status());
    EXPECT_FALSE(gone(below_other));
    other->signal_group(SIGKILL);
}

TEST(Group, of_sixty_four_workers_starts_and_stops) {
    Round round;
    Ready ready;
    round.start(std::vector<std::string>(64, "echo; exec sleep 1000"), ready.stdio());
    for (int i = 0; i < 64; ++i) {
        EXPECT_EQ(ready.line(), "");
    }
    EXPECT_LT(round.stop(SIGTERM, seconds(20)), seconds(5));
    EXPECT_EQ(round.exits.size(), 64U);
    EXPECT_TRUE(Reaper::childless());
}

// A process in state D cannot be had on demand. One that is traced by a stranger, here the test
// itself, cannot be reaped by its parent either.
TEST(Group, names_what_does_not_go_away) {
    int up[2];
    int down[2];
    ASSERT_EQ(::pipe2(up, O_CLOEXEC) | ::pipe2(down, O_CLOEXEC), 0);
    const pid_t stage = ::fork();
    if (stage == 0) {
        Round round;
        round.start({"while :; do :; done"});
        pid_t word = round.group->pid(0);
        bool good = ::write(up[1], &word, sizeof word) == sizeof word;
        good = good && ::read(down[0], &word, sizeof word) == sizeof word;
        round.group->limit_kill(milliseconds(20));
        round.expected = 0;
        round.stop(SIGTERM, milliseconds(20));
        good = good && round.stragglers->size() == 1 && round.stragglers->at(0).pid == word &&
               round.stragglers->at(0).name == "sh" && round.exits.empty();
        round.group.reset();
        ::_exit(good ? 0 : 1);
    }
    pid_t worker = 0;
    ASSERT_EQ(::read(up[0], &worker, sizeof worker), static_cast<ssize_t>(sizeof worker));
    ASSERT_EQ(::ptrace(PTRACE_SEIZE, worker, nullptr, nullptr), 0);
    ASSERT_EQ(::write(down[1], &worker, sizeof worker), static_cast<ssize_t>(sizeof worker));
    int status = 0;
    // The tracer sees the signals before the worker does, and lets them through.
    while (::waitpid(stage, &status, WNOHANG) == 0) {
        siginfo_t info = {};
        const int stops = WSTOPPED | WNOHANG;
        if (::waitid(P_PID, static_cast<id_t>(worker), &info, stops) != 0 || info.si_pid == 0)
            continue;
        ::ptrace(PTRACE_CONT, worker, nullptr, nullptr);
    }
    EXPECT_TRUE(ExitStatus::from_wait(status).success());
    EXPECT_EQ(::waitpid(worker, nullptr, 0), worker);
}

}  // namespace
}  // namespace torchelastic::process
