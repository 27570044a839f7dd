// The agent's life, played event by event.
#include <csignal>
#include <span>

#include <gtest/gtest.h>

#include "agent/lifecycle.h"

namespace torchelastic::agent {
namespace {

using namespace coordinator;

/// What an action is, in a word, so that a life reads as a sentence.
std::string word(const Action& action) {
    if (const auto* tell = std::get_if<Tell>(&action)) {
        constexpr const char* kUp[] = {"hello",     "unable",  "ready", "started", "failed",
                                       "succeeded", "leaving", "ended", "report"};
        std::string name = kUp[tell->message.index()];
        const auto* failed = std::get_if<Failed>(&tell->message);
        if (failed != nullptr && failed->failure.ordered) name += "(ordered)";
        return "tell-" + name;
    }
    if (std::holds_alternative<Announce>(action)) return "announce";
    if (std::holds_alternative<StartWorkers>(action)) return "start";
    if (const auto* stop = std::get_if<StopWorkers>(&action)) {
        return "stop-" + std::to_string(stop->signal);
    }
    return "exit-" + std::to_string(std::get<Exit>(action).verdict.exit_code);
}

Finish verdict(int code) {
    return {{code == 0 ? Outcome::succeeded : Outcome::worker_failed, code, "why"}};
}
WorkerEnded good(int local_rank) {
    return {local_rank, std::nullopt};
}
WorkerEnded bad(int local_rank) {
    return {local_rank, WorkerFailure{.local_rank = local_rank, .exit_code = 37}};
}

struct Life {
    const char* what;
    std::vector<Event> events;
    std::string actions;
};

const Life kLives[] = {
    {"all goes well",
     {Assignment{}, WorkersStarted{}, good(1), good(0), verdict(0), AllStopped{}},
     "announce start tell-started tell-succeeded stop-15 tell-ended exit-0"},
    {"a worker fails and the job restarts",
     {Assignment{}, WorkersStarted{}, bad(1), Stop{0, ""}, bad(0), AllStopped{},
      Assignment{.round = 1}},
     "announce start tell-started tell-failed stop-15 tell-failed(ordered) announce start"},
    {"a worker fails and the job ends",
     {Assignment{}, WorkersStarted{}, bad(1), verdict(37), bad(0), AllStopped{}},
     "announce start tell-started tell-failed stop-15 tell-failed(ordered) tell-ended exit-37"},
    {"another node's worker fails and the job ends",
     {Assignment{}, WorkersStarted{}, verdict(37), AllStopped{}},
     "announce start tell-started stop-15 tell-ended exit-37"},
    {"one succeeds, then one fails", {Assignment{}, good(0), bad(1)}, "announce start tell-failed"},
    {"the success of a past round does not count",
     {Assignment{}, good(0), Stop{0, ""}, AllStopped{}, Assignment{.round = 1}, good(1)},
     "announce start stop-15 announce start"},
    {"a stop of another round is ignored", {Assignment{.round = 3}, Stop{2, ""}}, "announce start"},
    {"a verdict before any round", {verdict(1)}, "announce tell-ended exit-1"},
    {"a verdict while stopping for a restart",
     {Assignment{}, Stop{0, ""}, verdict(1), AllStopped{}},
     "announce start stop-15 tell-ended exit-1"},
    {"told to go before any round",
     {Signalled{SIGTERM}, verdict(143)},
     "announce tell-leaving tell-ended exit-143"},
    {"told to go while workers run",
     {Assignment{}, Signalled{SIGINT}, bad(0), verdict(130), AllStopped{}},
     "announce start tell-leaving stop-2 tell-failed(ordered) tell-ended exit-130"},
    {"told to go, workers end before the verdict",
     {Assignment{}, Signalled{SIGTERM}, AllStopped{}, verdict(143)},
     "announce start tell-leaving stop-15 tell-ended exit-143"},
    {"told twice by the keyboard",
     {Assignment{}, Signalled{SIGINT}, Signalled{SIGINT}, verdict(130), AllStopped{}},
     "announce start tell-leaving stop-2 stop-9 tell-ended exit-130"},
    {"told twice by a scheduler: workers keep their grace",
     {Assignment{}, Signalled{SIGTERM}, Signalled{SIGTERM}, verdict(143), AllStopped{}},
     "announce start tell-leaving stop-15 tell-ended exit-143"},
    {"told to go after the verdict that another node's leaving brought: workers keep their grace",
     {Assignment{}, verdict(143), Signalled{SIGTERM}, AllStopped{}},
     "announce start stop-15 tell-ended exit-143"},
    {"told to go twice after the verdict",
     {Assignment{}, verdict(143), Signalled{SIGTERM}, Signalled{SIGINT}, AllStopped{}},
     "announce start stop-15 stop-9 tell-ended exit-143"},
    {"told to go while stopping for a restart: no new round",
     {Assignment{}, Stop{0, ""}, Signalled{SIGTERM}, AllStopped{}, verdict(143)},
     "announce start stop-15 tell-leaving tell-ended exit-143"},
    {"no port for the store: the coordinator decides",
     {CannotAnnounce{"no port"}, verdict(1)},
     "announce tell-unable tell-ended exit-1"},
    {"nothing after the end, but that somebody does not want to wait",
     {verdict(0), Assignment{}, Stop{0, ""}, bad(0), Signalled{SIGTERM}, LinkLost{"x"},
      AllStopped{}},
     "announce tell-ended exit-0 tell-leaving"},
};

const Event kLost = LinkLost{"reset"};
const Event kNone = NoCoordinator{"nobody is left"};

/// Without a coordinator: nothing is said to anybody, until there is another.
const Life kLivesWithoutCoordinator[] = {
    {"lost before any round, and nobody takes over", {kLost, kNone}, "announce tell-ended exit-1"},
    {"lost while waiting: the next hears of a port of its own",
     {kLost, NewCoordinator{}, Assignment{}},
     "announce announce start"},
    {"lost while workers run: they are stopped",
     {Assignment{}, kLost, AllStopped{}},
     "announce start stop-15"},
    {"another takes over once the workers are stopped",
     {Assignment{}, kLost, AllStopped{}, NewCoordinator{}, Assignment{.round = 1}},
     "announce start stop-15 announce start"},
    {"another takes over while the workers are being stopped",
     {Assignment{}, kLost, NewCoordinator{}, bad(0), AllStopped{}, Assignment{.round = 1}},
     "announce start stop-15 tell-failed(ordered) announce start"},
    {"how workers end meanwhile is nobody's business",
     {Assignment{}, kLost, bad(0), good(1), AllStopped{}, NewCoordinator{}},
     "announce start stop-15 announce"},
    {"nobody takes over once the workers are stopped",
     {Assignment{}, kLost, AllStopped{}, kNone},
     "announce start stop-15 tell-ended exit-1"},
    {"nobody takes over while the workers are being stopped: they end first",
     {Assignment{}, kLost, kNone, bad(0), AllStopped{}},
     "announce start stop-15 tell-failed(ordered) tell-ended exit-1"},
    {"a success does not outlive the coordinator that heard of it",
     {Assignment{}, good(0), good(1), kLost, AllStopped{}, NewCoordinator{}, Assignment{.round = 1},
      good(1)},
     "announce start tell-succeeded stop-15 announce start"},
    {"lost while stopping for a restart",
     {Assignment{}, Stop{0, ""}, kLost, AllStopped{}, NewCoordinator{}},
     "announce start stop-15 announce"},
    {"the verdict of one that stood in vain",
     {Assignment{}, kLost, AllStopped{}, verdict(1)},
     "announce start stop-15 tell-ended exit-1"},
    {"the same while the workers are being stopped",
     {Assignment{}, kLost, verdict(1), AllStopped{}},
     "announce start stop-15 tell-ended exit-1"},
    {"two are lost in a row",
     {Assignment{}, kLost, AllStopped{}, NewCoordinator{}, kLost, NewCoordinator{},
      Assignment{.round = 1}},
     "announce start stop-15 announce announce start"},
    {"another is lost while the workers still stop",
     {Assignment{}, kLost, NewCoordinator{}, kLost, AllStopped{}, NewCoordinator{}},
     "announce start stop-15 announce"},
    {"told to go while nobody coordinates",
     {Assignment{}, kLost, AllStopped{}, Signalled{SIGTERM}},
     "announce start stop-15 tell-ended exit-143"},
    {"told to go while nobody coordinates and workers are being stopped",
     {Assignment{}, kLost, Signalled{SIGINT}, AllStopped{}},
     "announce start stop-15 tell-ended exit-130"},
    {"told twice then",
     {Assignment{}, kLost, Signalled{SIGTERM}, Signalled{SIGINT}, AllStopped{}},
     "announce start stop-15 stop-9 tell-ended exit-143"},
    {"told to go, then the coordinator is lost",
     {Assignment{}, Signalled{SIGTERM}, kLost, AllStopped{}},
     "announce start tell-leaving stop-15 tell-ended exit-143"},
    {"told to go, nothing is left, then the coordinator is lost",
     {Assignment{}, Signalled{SIGTERM}, AllStopped{}, kLost},
     "announce start tell-leaving stop-15 tell-ended exit-143"},
    {"told to go: no other coordinator is of interest",
     {Assignment{}, Signalled{SIGTERM}, kLost, NewCoordinator{}, kNone, AllStopped{}},
     "announce start tell-leaving stop-15 tell-ended exit-143"},
    {"the coordinator goes after the verdict",
     {Assignment{}, verdict(37), kLost, kNone, NewCoordinator{}, AllStopped{}},
     "announce start stop-15 tell-ended exit-37"},
    {"what concerns an election is nothing to those who have a coordinator",
     {NewCoordinator{}, kNone, Assignment{}, NewCoordinator{}, kNone, Stop{0, ""}, NewCoordinator{},
      kNone, AllStopped{}},
     "announce start stop-15 announce"},
    {"nothing after the end, but that somebody does not want to wait",
     {kLost, kNone, NewCoordinator{}, kLost, kNone, Signalled{SIGTERM}},
     "announce tell-ended exit-1 tell-leaving"},
};

void expect(std::span<const Life> lives) {
    for (const Life& life : lives) {
        Lifecycle lifecycle(2);
        std::string words;
        const auto note = [&](const std::vector<Action>& actions) {
            for (const Action& each : actions)
                words += (words.empty() ? "" : " ") + word(each);
        };
        note(lifecycle.begin());
        for (const Event& each : life.events)
            note(lifecycle.handle(each));
        EXPECT_EQ(words, life.actions) << life.what;
    }
}

TEST(Lifecycle, lives_as_told) {
    expect(kLives);
}

TEST(Lifecycle, stands_the_loss_of_the_coordinator) {
    expect(kLivesWithoutCoordinator);
}

TEST(Lifecycle, seeks_a_coordinator_only_to_go_on_with) {
    Lifecycle lifecycle(1);
    lifecycle.begin();
    EXPECT_FALSE(lifecycle.seeks_coordinator());
    lifecycle.handle(Assignment{});
    EXPECT_FALSE(lifecycle.seeks_coordinator());
    lifecycle.handle(kLost);
    EXPECT_EQ(lifecycle.state(), "bereft");
    EXPECT_TRUE(lifecycle.seeks_coordinator()) << "while its workers still stop";
    lifecycle.handle(AllStopped{});
    EXPECT_EQ(lifecycle.state(), "orphaned");
    EXPECT_TRUE(lifecycle.seeks_coordinator());
    lifecycle.handle(NewCoordinator{});
    EXPECT_EQ(lifecycle.state(), "waiting");
    EXPECT_FALSE(lifecycle.seeks_coordinator());
    lifecycle.handle(kLost);
    EXPECT_TRUE(lifecycle.seeks_coordinator());
    lifecycle.handle(Signalled{SIGTERM});
    EXPECT_FALSE(lifecycle.seeks_coordinator()) << "it has been told to go";
}

TEST(Lifecycle, says_why_it_cannot_take_part_and_waits_for_the_verdict) {
    Lifecycle lifecycle(1);
    const auto actions = lifecycle.begin("no GPU");
    ASSERT_EQ(actions.size(), 1U);
    EXPECT_EQ(word(actions[0]), "tell-unable");
    EXPECT_EQ(word(lifecycle.handle(verdict(1)).back()), "exit-1");
}

TEST(Lifecycle, says_why_it_ends_alone) {
    const struct {
        const char* what;
        std::vector<Event> events;
        Verdict verdict;
    } ends[] = {
        {"nobody takes over",
         {kLost, NoCoordinator{"closed by peer; nobody is left"}},
         {Outcome::coordinator_lost, 1, "lost the coordinator: closed by peer; nobody is left"}},
        {"told to go meanwhile",
         {kLost, Signalled{SIGINT}},
         {Outcome::interrupted, 130, "told to end by SIGINT"}},
        {"told to go before",
         {Signalled{SIGTERM}, kLost},
         {Outcome::interrupted, 143, "told to end by SIGTERM"}},
    };
    for (const auto& [what, events, expected] : ends) {
        Lifecycle lifecycle(1);
        std::vector<Action> actions = lifecycle.begin();
        for (const Event& each : events)
            actions = lifecycle.handle(each);
        ASSERT_FALSE(actions.empty()) << what;
        EXPECT_EQ(std::get<Exit>(actions.back()).verdict, expected) << what;
    }
}

}  // namespace
}  // namespace torchelastic::agent
