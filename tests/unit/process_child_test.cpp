#include "process/child.h"
#include "process/end_tree.h"
#include "process_fixture.h"

namespace torchelastic::process {
namespace {

const Stdio kQuiet{Stdio::In::null, Stream::null(), Stream::null()};

class ChildNoticed : public testing::TestWithParam<Notice> {};

INSTANTIATE_TEST_SUITE_P(By, ChildNoticed,
                         testing::Values(Notice::best, Notice::pidfd, Notice::sigchld));

TEST_P(ChildNoticed, tells_of_its_end_once) {
    World world(GetParam());
    int events = 0;
    std::optional<ExitStatus> status;
    auto child = Child::start(world.loop, *world.reaper, shell("exit 37"), kQuiet,
                              [&](ExitStatus how, WallTime) {
                                  ++events;
                                  status = how;
                                  world.loop.post([&] { world.loop.stop(); });
                              });
    ASSERT_TRUE(child) << child.error().text();
    EXPECT_FALSE(child->status());
    world.run();
    EXPECT_EQ(events, 1);
    EXPECT_EQ(status, ExitStatus::exited(37));
    EXPECT_EQ(child->status(), ExitStatus::exited(37));
    EXPECT_TRUE(Reaper::childless());
    EXPECT_TRUE(world.reaper->own().empty());
}

TEST_P(ChildNoticed, may_be_destroyed_by_its_own_event) {
    World world(GetParam());
    std::optional<Child> child;
    child = *Child::start(world.loop, *world.reaper, shell("exit 1"), kQuiet,
                          [&](ExitStatus, WallTime) {
                              child.reset();
                              world.loop.stop();
                          });
    world.run();
    EXPECT_FALSE(child);
}

TEST_P(ChildNoticed, among_sixty_four_that_end_at_once) {
    World world(GetParam());
    std::vector<Child> children;
    int sum = 0;
    int left = 64;
    for (int i = 0; i < 64; ++i) {
        auto child = Child::start(world.loop, *world.reaper, shell("exit " + std::to_string(i)),
                                  kQuiet, [&](ExitStatus how, WallTime) {
                                      sum += how.code();
                                      if (--left == 0) world.loop.stop();
                                  });
        ASSERT_TRUE(child);
        children.push_back(std::move(*child));
    }
    world.run();
    EXPECT_EQ(left, 0);
    EXPECT_EQ(sum, 63 * 64 / 2);
}

TEST(Child, takes_its_stragglers_with_it) {
    World world;
    Ready ready;
    pid_t leader = 0;
    pid_t straggler = 0;
    {
        const auto child =
            Child::start(world.loop, *world.reaper,
                         shell("sh -c 'echo $$; exec sleep 1000' & echo; wait"), ready.stdio(), {});
        ASSERT_TRUE(child);
        leader = child->pid();
        while (straggler == 0) {
            straggler = ready.pid();
        }
    }
    EXPECT_TRUE(gone(leader));
    EXPECT_TRUE(end_tree(std::chrono::seconds(10)));  // reaps the straggler, which is dying
    EXPECT_TRUE(gone(straggler));
}

TEST(Child, dies_with_its_owner_even_if_it_ignores_signals) {
    World world;
    Ready ready;
    pid_t pid = 0;
    {
        const auto child = Child::start(world.loop, *world.reaper,
                                        shell("trap '' TERM INT HUP; echo $$; while :; do :; done"),
                                        ready.stdio(), {});
        ASSERT_TRUE(child);
        pid = ready.pid();
        EXPECT_EQ(pid, child->pid());
    }
    EXPECT_TRUE(gone(pid));
    EXPECT_TRUE(Reaper::childless());
}

TEST(Child, passes_signals_to_its_whole_group) {
    World world;
    Ready ready;
    std::optional<ExitStatus> status;
    auto child =
        Child::start(world.loop, *world.reaper,
                     shell("sh -c 'trap \"echo inner; exit\" USR1; echo; while :; do :; done' & "
                           "trap 'wait; exit 5' USR1; echo; wait; exit 6"),
                     ready.stdio(), [&](ExitStatus how, WallTime) {
                         status = how;
                         world.loop.stop();
                     });
    ASSERT_TRUE(child);
    EXPECT_EQ(ready.line() + ready.line(), "");
    child->signal_group(SIGUSR1);
    world.run();
    EXPECT_EQ(status, ExitStatus::exited(5));
    EXPECT_EQ(ready.line(), "inner");
}

TEST(Child, that_is_abandoned_is_left_to_the_reaper) {
    World world;
    auto child = Child::start(world.loop, *world.reaper, shell("exit 0"), kQuiet,
                              [](ExitStatus, WallTime) { FAIL(); });
    ASSERT_TRUE(child);
    const pid_t pid = child->pid();
    child->abandon();
    child->signal_group(SIGKILL);
    EXPECT_EQ(child->pid(), 0);
    siginfo_t info = {};
    ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
    world.reaper->reap();
    EXPECT_TRUE(gone(pid));
}

TEST(Child, whose_status_was_taken_by_another_wait_is_dead_all_the_same) {
    World world;
    std::optional<ExitStatus> status;
    const auto child = Child::start(world.loop, *world.reaper, shell("exit 0"), kQuiet,
                                    [&](ExitStatus how, WallTime) {
                                        status = how;
                                        world.loop.stop();
                                    });
    ASSERT_TRUE(child);
    ASSERT_EQ(::waitpid(child->pid(), nullptr, 0), child->pid());
    world.run();
    EXPECT_EQ(status, ExitStatus::exited(255));
}

TEST(Reaper, takes_orphans_away_without_taking_our_own) {
    World world;
    Ready ready;
    std::optional<ExitStatus> status;
    // The orphan outlives the one who forked it, and is ours when it ends.
    const auto child = Child::start(world.loop, *world.reaper,
                                    shell("(sh -c 'echo $$; read x < /dev/null' &); exit 3"),
                                    ready.stdio(), [&](ExitStatus how, WallTime) {
                                        status = how;
                                        world.loop.stop();
                                    });
    ASSERT_TRUE(child);
    const pid_t orphan = ready.pid();
    world.run();
    EXPECT_EQ(status, ExitStatus::exited(3));
    siginfo_t info = {};
    while (::waitid(P_PID, static_cast<id_t>(orphan), &info, WEXITED | WNOWAIT) == 0) {
        world.reaper->reap();
    }
    EXPECT_TRUE(gone(orphan));
}

TEST(Reaper, works_where_sigchld_was_ignored) {
    ::signal(SIGCHLD, SIG_IGN);
    World world;
    std::optional<ExitStatus> status;
    const auto child = Child::start(world.loop, *world.reaper, shell("exit 9"), kQuiet,
                                    [&](ExitStatus how, WallTime) {
                                        status = how;
                                        world.loop.stop();
                                    });
    world.run();
    EXPECT_EQ(status, ExitStatus::exited(9));
}

TEST(EndTree, leaves_nothing_however_deep) {
    const World world;
    Ready ready;
    const auto pid = spawn(
        shell("(setsid sh -c 'echo $$; setsid sh -c \"echo \\$\\$; exec sleep 1000\" & wait' &)"
              " ; trap '' TERM; echo $$; while :; do :; done"),
        ready.stdio());
    ASSERT_TRUE(pid);
    const pid_t pids[] = {ready.pid(), ready.pid(), ready.pid()};
    EXPECT_TRUE(end_tree(std::chrono::seconds(10)));
    for (const pid_t one : pids) {
        EXPECT_TRUE(gone(one)) << one;
    }
    EXPECT_TRUE(Reaper::childless());
    EXPECT_TRUE(end_tree(std::chrono::seconds(10)));  // also of a tree without branches
}

}  // namespace
}  // namespace torchelastic::process
