// The agent's life, played event by event.
#include <csignal>

#include <gtest/gtest.h>

#include "agent/lifecycle.h"

namespace torchelastic::agent {
namespace {

using namespace coordinator;

/// What an action is, in a word, so that a life reads as a sentence.
std::string word(const Action& action) {
    if (const auto* tell = std::get_if<Tell>(&action)) {
        constexpr const char* kUp[] = {"hello",  "unable",    "ready",   "started",
                                       "failed", "succeeded", "leaving", "ended"};
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
    {"told twice",
     {Assignment{}, Signalled{SIGTERM}, Signalled{SIGTERM}, verdict(143), AllStopped{}},
     "announce start tell-leaving stop-15 stop-9 tell-ended exit-143"},
    {"told to go after the verdict that another node's leaving brought: workers keep their grace",
     {Assignment{}, verdict(143), Signalled{SIGTERM}, AllStopped{}},
     "announce start stop-15 tell-ended exit-143"},
    {"told to go twice after the verdict",
     {Assignment{}, verdict(143), Signalled{SIGTERM}, Signalled{SIGTERM}, AllStopped{}},
     "announce start stop-15 stop-9 tell-ended exit-143"},
    {"told to go while stopping for a restart: no new round",
     {Assignment{}, Stop{0, ""}, Signalled{SIGTERM}, AllStopped{}, verdict(143)},
     "announce start stop-15 tell-leaving tell-ended exit-143"},
    {"the coordinator is lost before any round", {LinkLost{"reset"}}, "announce tell-ended exit-1"},
    {"the coordinator is lost while workers run",
     {Assignment{}, LinkLost{"reset"}, bad(0), AllStopped{}},
     "announce start stop-15 tell-failed(ordered) tell-ended exit-1"},
    {"told to go, then the coordinator is lost",
     {Assignment{}, Signalled{SIGTERM}, LinkLost{"reset"}, AllStopped{}},
     "announce start tell-leaving stop-15 tell-ended exit-143"},
    {"no port for the store: the coordinator decides",
     {CannotAnnounce{"no port"}, verdict(1)},
     "announce tell-unable tell-ended exit-1"},
    {"nothing after the end",
     {verdict(0), Assignment{}, Stop{0, ""}, bad(0), Signalled{SIGTERM}, LinkLost{"x"},
      AllStopped{}},
     "announce tell-ended exit-0"},
};

TEST(Lifecycle, lives_as_told) {
    for (const Life& life : kLives) {
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

TEST(Lifecycle, says_why_it_cannot_take_part_and_waits_for_the_verdict) {
    Lifecycle lifecycle(1);
    const auto actions = lifecycle.begin("no GPU");
    ASSERT_EQ(actions.size(), 1U);
    EXPECT_EQ(word(actions[0]), "tell-unable");
    EXPECT_EQ(word(lifecycle.handle(verdict(1)).back()), "exit-1");
}

TEST(Lifecycle, names_what_was_lost) {
    Lifecycle lifecycle(1);
    lifecycle.begin();
    const auto actions = lifecycle.handle(LinkLost{"closed by peer"});
    EXPECT_EQ(std::get<Exit>(actions.back()).verdict.reason,
              "lost the coordinator: closed by peer");
}

}  // namespace
}  // namespace torchelastic::agent
