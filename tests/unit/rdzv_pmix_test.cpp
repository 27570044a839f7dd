// Meeting by business cards, with a launcher that the test plays.
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rdzv/business_card.h"
#include "rdzv/door.h"
#include "rdzv/pmix.h"

namespace torchelastic::rdzv {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A launcher of so many ranks: whoever comes waits until all are there, or the launcher has
/// enough. An agent may leave a thread behind that comes even later, so the threads own what they
/// share.
class Launcher {
public:
    explicit Launcher(std::size_t ranks) { state_->cards.resize(ranks); }
    ~Launcher() {
        const std::lock_guard lock(state_->mutex);
        state_->closed = true;
        state_->changed.notify_all();
    }

    Exchange rank(std::uint32_t rank) {
        return [state = state_, rank](const std::string& card, std::uint32_t wanted,
                                      const auto& doing) -> Result<Exchanged> {
            doing("waiting for the others");
            std::unique_lock lock(state->mutex);
            state->come(rank, card);
            state->changed.wait(lock, [&] { return state->complete() || state->closed; });
            if (!state->complete()) return failure("the launcher has enough");
            Exchanged all{rank, static_cast<std::uint32_t>(state->cards.size()), "job/1",
                          state->cards, state->local_ranks()};
            if (wanted != 0) {
                all.cards.resize(wanted);
                all.local_ranks.resize(wanted);
            }
            return all;
        };
    }

    /// A rank that is a stranger.
    void leave(std::uint32_t rank, const BusinessCard& card) {
        const std::lock_guard lock(state_->mutex);
        state_->come(rank, encode(card));
    }

private:
    struct State {
        void come(std::uint32_t rank, const std::string& card) {
            cards[rank] = card;
            ++present;
            changed.notify_all();
        }
        /// As a launcher counts: who shares a node says so by its name.
        std::vector<std::uint32_t> local_ranks() const {
            std::map<std::string, std::uint32_t> on_node;
            std::vector<std::uint32_t> counted;
            for (const std::string& card : cards)
                counted.push_back(on_node[decode_card(card)->node]++);
            return counted;
        }
        bool complete() const { return present == cards.size(); }

        std::mutex mutex;
        std::condition_variable changed;
        std::vector<std::string> cards;
        std::size_t present = 0;
        bool closed = false;
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

struct Guarded {
    Guarded() {
        guard.arm(seconds(20), [this] {
            ADD_FAILURE() << "timed out";
            loop.stop();
        });
    }
    std::unique_ptr<Rendezvous> agent(const std::string& node, Settings settings, Exchange exchange,
                                      const std::string& run_id = "") {
        if (!settings.local_address) settings.local_address = "127.0.0.1";
        return pmix_rendezvous(loop, {.node = node, .run_id = run_id}, std::move(settings),
                               std::move(exchange));
    }
    std::string error_of(Rendezvous& rendezvous) {
        std::string why;
        rendezvous.meet([&](Result<Meeting> meeting) {
            why = meeting ? "no error" : meeting.error().text();
            loop.stop();
        });
        if (why.empty()) loop.run();
        return why;
    }
    net::Loop loop;
    net::Timer guard{loop};
};

Settings at(const std::string& address) {
    Settings settings;
    settings.local_address = address;
    return settings;
}

/// Agents with addresses of their own: the whole of 127/8 is this machine's.
struct Pair : Guarded {
    void meet(const std::string& run_id = "") {
        const auto first = agent("b", at("127.0.0.1"), launcher.rank(0), run_id);
        const auto second = agent("a", at("127.0.0.2"), launcher.rank(1), run_id);
        std::optional<Door> door;
        second->meet([&](Result<Meeting> meeting) {
            ASSERT_TRUE(meeting) << meeting.error().text();
            guest = std::move(*meeting);
            loop.stop();
        });
        first->meet([&](Result<Meeting> meeting) {
            ASSERT_TRUE(meeting) << meeting.error().text();
            host = std::move(*meeting);
            door.emplace(
                loop, std::move(*std::get<Host>(host->place).listener), host->credentials,
                KeepAlive{}, [](const Session&) {}, [](const std::string&, bool) {});
        });
        loop.run();
        ASSERT_TRUE(host && guest);
        EXPECT_FALSE(first->stuck() || second->stuck());
    }
    Launcher launcher{2};
    std::optional<Meeting> host;
    std::optional<Meeting> guest;
};

TEST(Pmix, brings_agents_together_in_the_order_of_ranks) {
    Pair pair;
    pair.meet();
    EXPECT_EQ(pair.host->expected, (std::vector<std::string>{"b", "a"}));
    EXPECT_EQ(pair.guest->expected, pair.host->expected);
    EXPECT_EQ(pair.host->id, "b");
    EXPECT_EQ(pair.host->order, 0);
    EXPECT_EQ(pair.guest->id, "a");
    EXPECT_EQ(pair.guest->order, 1);
    EXPECT_EQ(pair.host->address, "127.0.0.1");
    EXPECT_EQ(pair.guest->address, "127.0.0.2");
}

TEST(Pmix, gives_all_agents_one_token_and_one_run_id) {
    Pair pair;
    pair.meet();
    EXPECT_EQ(pair.host->credentials.token, pair.guest->credentials.token);
    EXPECT_EQ(pair.host->credentials.token.size(), 64U);
    const std::string run = pair.host->credentials.run_id;
    EXPECT_EQ(run, pair.guest->credentials.run_id);
    EXPECT_TRUE(run.starts_with("job_1.")) << run;  // no '/': it becomes a part of paths
    EXPECT_EQ(run.size(), 14U);
    Pair again;
    again.meet();
    EXPECT_NE(again.host->credentials.run_id, run);
    EXPECT_NE(again.host->credentials.token, pair.host->credentials.token);
}

TEST(Pmix, takes_the_run_id_that_is_known) {
    Pair pair;
    pair.meet("7.0.0");
    EXPECT_EQ(pair.host->credentials.run_id, "7.0.0");
    EXPECT_EQ(pair.guest->credentials.run_id, "7.0.0");
}

TEST(Pmix, needs_nobody_for_one_node) {
    Guarded guarded;
    Launcher launcher(1);
    const auto only = guarded.agent("a", {}, launcher.rank(0));
    std::optional<Meeting> met;
    only->meet([&](Result<Meeting> meeting) {
        ASSERT_TRUE(meeting) << meeting.error().text();
        met = std::move(*meeting);
        guarded.loop.stop();
    });
    guarded.loop.run();
    ASSERT_TRUE(met);
    EXPECT_FALSE(std::get<Host>(met->place).listener);
    EXPECT_EQ(met->expected, (std::vector<std::string>{"a"}));
}

TEST(Pmix, does_not_wait_for_ever_for_a_rank_that_is_missing) {
    Guarded guarded;
    Launcher launcher(2);
    const auto alone = guarded.agent("a", {.pmix_timeout = milliseconds(50)}, launcher.rank(0));
    EXPECT_EQ(guarded.error_of(*alone),
              "no answer from PMIx within 0.05 s (--rdzv-conf pmix_timeout=SECONDS): still waiting "
              "for the others");
    EXPECT_TRUE(alone->stuck());
    Launcher slurm(2);
    const auto in_slurm =
        guarded.agent("a", {.pmix_timeout = milliseconds(50)}, slurm.rank(0), "7.0.0");
    EXPECT_NE(guarded.error_of(*in_slurm).find("SLURM_PMIX_DIRECT_CONN=false"), std::string::npos);
}

TEST(Pmix, may_be_dropped_while_it_waits) {
    Launcher launcher(2);
    Guarded guarded;
    guarded.agent("a", {}, launcher.rank(0))->meet([](const Result<Meeting>&) { FAIL(); });
}

TEST(Pmix, pauses_before_it_asks) {
    Guarded guarded;
    bool asked = false;
    Settings settings;
    settings.local_address = "127.0.0.1";
    const auto agent = pmix_rendezvous(
        guarded.loop, {.node = "a", .run_id = "7.0.0", .pause = milliseconds(10)}, settings,
        [&](const std::string&, std::uint32_t, const auto&) -> Result<Exchanged> {
            asked = true;
            return failure("enough");
        });
    agent->meet([&](const Result<Meeting>&) { guarded.loop.stop(); });
    EXPECT_FALSE(agent->stuck() || asked);
    guarded.loop.run();
    EXPECT_TRUE(asked);
}

TEST(Pmix, says_what_the_exchange_met) {
    Guarded guarded;
    const auto agent = guarded.agent(
        "a", {}, [](const std::string&, std::uint32_t, const auto&) -> Result<Exchanged> {
            return failure("PMIx_Init: UNREACHABLE (-25)");
        });
    EXPECT_EQ(guarded.error_of(*agent),
              "exchange business cards through PMIx: PMIx_Init: UNREACHABLE (-25)");
}

TEST(Pmix, lets_a_second_rank_of_a_node_go) {
    Guarded guarded;
    Launcher launcher(2);
    launcher.leave(0, {"a", {"127.0.0.9"}, 9, "00", "00"});
    const auto agent = guarded.agent("a", {}, launcher.rank(1));
    std::string words;
    agent->meet([&](Result<Meeting> meeting) {
        ASSERT_TRUE(meeting) << meeting.error().text();
        words = std::get<Surplus>(meeting->place).words;
        guarded.loop.stop();
    });
    guarded.loop.run();
    EXPECT_TRUE(words.starts_with("the launcher started 2 ranks on 1 node: ")) << words;
    EXPECT_FALSE(agent->stuck());
}

TEST(Pmix, needs_the_first_card_alone_where_the_step_tells_the_nodes) {
    Guarded guarded;
    Launcher launcher(3);
    launcher.leave(1, {"b", {"127.0.0.9"}, 9, "00", "00"});
    launcher.leave(2, {"c", {"127.0.0.9"}, 9, "00", "00"});
    std::uint32_t asked = 0;
    const Exchange whole = launcher.rank(0);
    const auto agent = pmix_rendezvous(
        guarded.loop, {.node = "a", .run_id = "7.0.0", .nodes = {"a", "b", "c"}, .index = 0},
        at("127.0.0.1"),
        [&, whole](const std::string& card, std::uint32_t wanted, const auto& doing) {
            asked = wanted;
            return whole(card, wanted, doing);
        });
    std::optional<Meeting> met;
    agent->meet([&](Result<Meeting> meeting) {
        ASSERT_TRUE(meeting) << meeting.error().text();
        met = std::move(*meeting);
        guarded.loop.stop();
    });
    guarded.loop.run();
    ASSERT_TRUE(met);
    EXPECT_EQ(asked, 1U);
    EXPECT_EQ(met->expected, (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(met->id, "a");
    EXPECT_TRUE(std::get<Host>(met->place).listener);
}

TEST(Pmix, receives_others_at_the_door_and_with_the_token_of_the_step) {
    Guarded guarded;
    Launcher launcher(2);
    launcher.leave(1, {"b", {"127.0.0.9"}, 9, "00", "00"});
    std::uint16_t port = 0;
    Member member{.node = "a", .address = "127.0.0.1", .run_id = "7.0.0", .token = "abc"};
    member.door = [&] {
        auto listener = net::Listener::open(guarded.loop, "", 0);
        port = listener->port();
        return listener;
    };
    Settings settings;
    settings.local_address = "127.0.0.1";
    const auto agent = pmix_rendezvous(guarded.loop, member, settings, launcher.rank(0));
    std::optional<Meeting> met;
    agent->meet([&](Result<Meeting> meeting) {
        ASSERT_TRUE(meeting) << meeting.error().text();
        met = std::move(*meeting);
        guarded.loop.stop();
    });
    guarded.loop.run();
    ASSERT_TRUE(met);
    EXPECT_EQ(met->credentials.token, "abc");
    EXPECT_EQ(std::get<Host>(met->place).listener->port(), port);
}

TEST(Pmix, says_when_no_address_tells_the_first_node_from_others) {
    Guarded guarded;
    Launcher launcher(2);
    launcher.leave(0, {"b", {"127.0.0.1"}, 9, "00", "00"});
    const auto agent = guarded.agent("a", {}, launcher.rank(1));
    EXPECT_EQ(guarded.error_of(*agent),
              "exchange business cards through PMIx: node b has no address that others could reach "
              "(it has 127.0.0.1): give one by --local-addr");
}

TEST(Pmix, says_how_each_address_of_the_first_node_was_missed) {
    Guarded guarded;
    Launcher launcher(2);
    const auto silent = net::ReservedPort::open();
    launcher.leave(0, {"b", {"127.0.0.8", "127.0.0.9"}, silent->port(), "00", "00"});
    const auto agent = guarded.agent("a", {.join_timeout = milliseconds(50)}, launcher.rank(1));
    const std::string why = guarded.error_of(*agent);
    EXPECT_TRUE(
        why.starts_with("meet the agent of node b (PMIx rank 0): no coordinator at 127.0.0.8:"))
        << why;
    EXPECT_NE(why.find(" within 0.05 s"), std::string::npos) << why;
    EXPECT_NE(why.find("; no coordinator at 127.0.0.9"), std::string::npos) << why;
}

TEST(Pmix, does_not_call_an_agent_for_ever_that_did_listen) {
    Guarded guarded;
    Launcher launcher(2);
    launcher.leave(0, {"b", {"127.0.0.8"}, 9, "00", "00"});
    const auto agent = guarded.agent("a", {.pmix_timeout = milliseconds(50)}, launcher.rank(1));
    EXPECT_EQ(guarded.error_of(*agent),
              "meet the agent of node b (PMIx rank 0): not found at 127.0.0.8 port 9 within 0.05 s "
              "(--rdzv-conf pmix_timeout=SECONDS)");
}

TEST(Pmix, keeps_to_the_ports_that_it_may_use) {
    Guarded guarded;
    const auto reserved = net::Listener::open(guarded.loop, "", 0);
    const std::uint16_t taken = reserved->port();
    const auto agent =
        guarded.agent("a", {.port_range = std::pair{taken, taken}},
                      [](const std::string&, std::uint32_t, const auto&) -> Result<Exchanged> {
                          return failure("never");
                      });
    const std::string why = guarded.error_of(*agent);
    EXPECT_TRUE(why.starts_with(fmt::format(
        "listen for other agents on node a: no port of --port-range={0}-{0} is free (", taken)))
        << why;
}

slurm::Environment step(const std::string& name) {
    return {{"SLURM_JOB_ID", "7"},
            {"SLURM_STEP_ID", "2"},
            {"SLURM_STEP_NODELIST", "n[1-2]"},
            {"SLURM_NODEID", "1"},
            {"SLURM_STEP_TASKS_PER_NODE", "1(x2)"},
            {"PMIX_NAMESPACE", name},
            {"PMIX_RANK", "1"}};
}

TEST(PmixStep, is_slurms_only_if_slurms_pmix_started_it) {
    const auto own = pmix_step(step("slurm.pmix.7.2"));
    ASSERT_TRUE(own) << own.error().text();
    ASSERT_TRUE(*own);
    EXPECT_EQ((*own)->node, "n2");
    const auto prte = pmix_step(step("prterun-n1-77@1"));
    ASSERT_TRUE(prte) << prte.error().text();
    EXPECT_FALSE(*prte);
}

TEST(PmixStep, is_met_by_itself_where_pmix_is_what_there_is) {
    struct Case {
        const char* what;
        slurm::Environment more;
        bool expected;
    };
    const std::string token(64, 'a');
    const auto with = [](slurm::Environment environment, const slurm::Environment& more) {
        for (const auto& [name, value] : more)
            environment[name] = value;
        return environment;
    };
    const slurm::Environment own = step("slurm.pmix.7.2");
    const slurm::Environment mpirun = {{"PMIX_NAMESPACE", "prterun-n1-77@1"}, {"PMIX_RANK", "0"}};
    const Case cases[] = {
        {"nobody's", {}, false},
        {"mpirun", mpirun, true},
        {"mpirun whose daemons srun started", with(own, mpirun), true},
        {"mpirun's leftovers in a step of the plugin's",
         with(with(own, mpirun), {{"TORCHELASTIC_STEP_SCRIPT", "a"}}), false},
        {"a step without a token", own, true},
        {"a step that nobody asked for PMIx", with(own, {{"TORCHELASTIC_STEP_TOKEN", token}}),
         false},
        {"srun --mpi=pmix",
         with(own, {{"TORCHELASTIC_STEP_TOKEN", token}, {"SLURM_MPI_TYPE", "pmix_v4"}}), true},
        {"srun --mpi=none", with(own, {{"TORCHELASTIC_TOKEN", "x"}, {"SLURM_MPI_TYPE", "none"}}),
         false},
        {"a step of one node",
         with(own, {{"SLURM_STEP_NODELIST", "n2"},
                    {"SLURM_STEP_TASKS_PER_NODE", "1"},
                    {"SLURM_NODEID", "0"},
                    {"SLURM_MPI_TYPE", "pmix"}}),
         false},
        {"another step's", step("slurm.pmix.7.1"), false},
    };
    for (const Case& each : cases)
        EXPECT_EQ(meets_by_pmix(each.more), each.expected) << each.what;
}

TEST(PmixStep, is_asked_at_once_where_no_message_can_be_lost) {
    EXPECT_EQ(pause_before_pmix({}), milliseconds(100));
    EXPECT_EQ(pause_before_pmix({{"TORCHELASTIC_STEP_SCRIPT", "a"}}), Duration::zero());
    EXPECT_EQ(pause_before_pmix({{"SLURM_PMIX_DIRECT_CONN", "false"}}), Duration::zero());
    EXPECT_EQ(
        pause_before_pmix({{"TORCHELASTIC_STEP_SCRIPT", "a"}, {"SLURM_PMIX_DIRECT_CONN", "true"}}),
        milliseconds(100));
}

TEST(PmixStep, says_that_nobody_started_it) {
    constexpr const char* kWhy =
        "--rdzv-backend=pmix: not started under a PMIx launcher: use srun --mpi=pmix, mpirun or "
        "prterun";
    auto environment = step("slurm.pmix.7.2");
    environment.erase("PMIX_RANK");
    EXPECT_EQ(pmix_step(environment).error().text(), kWhy);
    EXPECT_EQ(pmix_step({}).error().text(), kWhy);
    EXPECT_EQ(pmix_step(step("")).error().text(), kWhy);
}

TEST(PmixStep, is_not_taken_in_by_variables_of_another_step) {
    EXPECT_EQ(pmix_step(step("slurm.pmix.7.1")).error().text(),
              "--rdzv-backend=pmix: PMIX_NAMESPACE=slurm.pmix.7.1 was inherited, this is step 7.2: "
              "use srun --mpi=pmix");
    EXPECT_EQ(
        pmix_step({{"PMIX_NAMESPACE", "slurm.pmix.7.1"}, {"PMIX_RANK", "0"}}).error().text(),
        "--rdzv-backend=pmix: PMIX_NAMESPACE=slurm.pmix.7.1 was inherited, this is no task of "
        "a Slurm step: use srun --mpi=pmix");
}

}  // namespace
}  // namespace torchelastic::rdzv
