// One agent's part in finding another coordinator, played event by event in virtual time.
#include "coordinator/succession.h"

#include <gtest/gtest.h>

namespace torchelastic::coordinator {
namespace {

using std::chrono::seconds;

constexpr Duration kPatience = seconds(8);
const std::vector<AgentId> kOthers = {"n2", "n3", "n4", "n5"};

std::string id(int node) {
    return "n" + std::to_string(node);
}

Card card(int node) {
    Card card{.id = id(node), .address = "10.0.0." + std::to_string(node), .order = node};
    card.port = 29400;
    return card;
}

/// Round 3 of nodes n1 to n5, of which n1 coordinates.
LastRound round_three() {
    LastRound last{.epoch = 0, .number = 3, .since = 3, .restart_count = 1, .group_size = 5};
    return last;
}

std::vector<Successor> successors(const std::vector<int>& nodes) {
    std::vector<Successor> all;
    all.reserve(nodes.size());
    for (const int node : nodes)
        all.push_back({id(node), {"10.0.0." + std::to_string(node), 29400}});
    return all;
}

/// What an action is, in a word.
std::string word(const Succession::Action& action, Instant now) {
    if (const auto* dial = std::get_if<Dial>(&action)) return "dial-" + dial->successor.id;
    if (std::holds_alternative<SendReport>(action)) return "report";
    if (const auto* answer = std::get_if<SendDefer>(&action)) return "defer-" + answer->agent;
    if (const auto* over = std::get_if<TakeOver>(&action)) {
        return "take-over-with-" + std::to_string(over->reports.size());
    }
    if (const auto* end = std::get_if<GiveUp>(&action))
        return end->stood ? "give-up-all" : "give-up";
    const auto& at = std::get<WaitUntil>(action).at;
    if (!at) return "wait-on";
    return "wait-" + std::to_string(std::chrono::duration_cast<seconds>(*at - now).count());
}

/// An agent, and what it did since it was asked last.
class Heir {
public:
    /// It is in round three, unless `rank` is negative, and knows these successors.
    explicit Heir(int node, const std::vector<int>& others = {2, 3, 4, 5},
                  LastRound last = round_three())
        : agent(card(node), kPatience), node_(node) {
        agent.roster({last, "n1", node - 1, successors(others)});
    }

    Heir& lose(bool died = true) { return take(agent.lost("closed by peer", died, now)); }
    Heir& reach() { return take(agent.reached(now)); }
    Heir& miss() { return take(agent.missed("refused", now)); }
    Heir& lead() { return take(agent.led({1})); }
    Heir& defer(const std::string& why) { return take(agent.deferred({why})); }
    Heir& time_up() { return take(agent.time_up(now)); }
    Heir& hear(int node, LastRound last = round_three(), bool died = true, bool in_round = true) {
        return take(agent.report({card(node), last, in_round ? node - 1 : -1, died}, now));
    }
    Heir& stand() {
        lose();
        while (agent.state() == "asking")
            miss();
        said();
        return *this;
    }

    std::string said() {
        std::string words;
        for (const Succession::Action& each : actions)
            words += (words.empty() ? "" : " ") + word(each, now);
        last_actions = std::exchange(actions, {});
        return words;
    }
    template <class T>
    const T& did() const {
        for (const Succession::Action& each : last_actions) {
            if (const auto* found = std::get_if<T>(&each)) return *found;
        }
        throw std::logic_error(id(node_) + " did nothing of the kind");
    }

    Succession agent;
    Instant now{};
    Succession::Actions actions;
    Succession::Actions last_actions;

private:
    Heir& take(const Succession::Actions& more) {
        actions.insert(actions.end(), more.begin(), more.end());
        return *this;
    }
    int node_;
};

TEST(Succession, asks_the_successors_one_after_the_other) {
    Heir heir(5);
    EXPECT_EQ(heir.lose().said(), "dial-n2 wait-on");
    EXPECT_EQ(heir.miss().said(), "dial-n3 wait-on");
    EXPECT_EQ(heir.reach().said(), "report wait-16");
    EXPECT_EQ(heir.did<SendReport>().report, (Report{card(5), round_three(), 4, true, kOthers}));
    EXPECT_EQ(heir.miss().said(), "dial-n4 wait-on") << "gone after it was asked";
    EXPECT_EQ(heir.reach().lead().said(), "report wait-16 wait-on");
    EXPECT_EQ(heir.agent.state(), "following");
}

TEST(Succession, stands_when_its_turn_comes) {
    Heir heir(3);
    heir.lose().said();
    EXPECT_EQ(heir.miss().said(), "wait-8");
    EXPECT_EQ(heir.agent.state(), "standing");
    Heir first(2);
    EXPECT_EQ(first.lose().said(), "wait-8") << "nobody comes before it";
}

TEST(Succession, takes_over_once_more_than_half_have_come) {
    Heir heir(2);
    heir.lose(false).said();
    EXPECT_EQ(heir.hear(3, round_three(), false).said(), "") << "two of five";
    EXPECT_EQ(heir.hear(5, round_three(), false).said(), "wait-on take-over-with-3");
    EXPECT_EQ(heir.agent.state(), "leading");
    const auto& order = heir.did<TakeOver>();
    EXPECT_EQ(order.inheritance.last, round_three());
    EXPECT_EQ(order.inheritance.epoch, 1);
    EXPECT_EQ(order.inheritance.why, "lost the coordinator: node n1, closed by peer");
    EXPECT_EQ(order.reports[0], (Report{card(2), round_three(), 1, false, kOthers})) << "its own";
}

const struct {
    const char* what;
    int size;          // of the last round
    bool with_leader;  // its node took part
    int others;        // who come, beside the one that stands
    bool died;         // the coordinator, as those who come say
    bool takes_over;
} kCounts[] = {
    {"the only other node, and the coordinator is dead", 2, true, 0, true, true},
    {"the only other node, and the coordinator may live", 2, true, 0, false, false},
    {"one of two who are left, the coordinator dead", 3, true, 0, true, false},
    {"both who are left, the coordinator silent", 3, true, 1, false, true},
    {"half, the coordinator silent", 4, true, 1, false, false},
    {"more than half of those who may live", 4, true, 1, true, true},
    {"two of four who may live are not", 5, true, 1, true, false},
    {"three of six", 6, true, 2, false, false},
    {"three of five who may live", 6, true, 2, true, true},
    {"the coordinator took no part: its death takes none away", 4, false, 1, true, false},
    {"the same with one more", 4, false, 2, true, true},
    {"alone in its round, the coordinator dead or not", 1, false, 0, false, true},
};

TEST(Succession, counts_a_silent_coordinator_and_not_a_dead_one) {
    for (const auto& each : kCounts) {
        LastRound last = round_three();
        last.group_size = each.size;
        last.with_coordinator = each.with_leader;
        Heir heir(2, {2, 3}, last);
        heir.lose(each.died);
        for (int other = 0; other < each.others; ++other)
            heir.hear(3 + other, last, each.died);
        EXPECT_EQ(heir.agent.state() == "leading", each.takes_over) << each.what;
    }
}

TEST(Succession, believes_one_who_saw_the_coordinator_die) {
    LastRound last = round_three();
    last.group_size = 4;
    Heir heir(2, {2, 3, 4}, last);
    heir.lose(false).hear(3, last, false).said();
    EXPECT_EQ(heir.agent.state(), "standing") << "two of four";
    Heir told(2, {2, 3, 4}, last);
    told.lose(false).hear(3, last, true);
    EXPECT_EQ(told.agent.state(), "leading") << "two of three";
}

TEST(Succession, counts_nobody_twice_and_no_spare) {
    Heir heir(2);
    heir.lose(false);
    heir.hear(3, round_three(), false).hear(3, round_three(), false);
    heir.hear(7, round_three(), false, false).hear(8, round_three(), false, false);
    EXPECT_EQ(heir.agent.state(), "standing");
    heir.said();
    EXPECT_EQ(heir.hear(4, round_three(), false).said(), "wait-on take-over-with-5")
        << "but spares come, too";
}

TEST(Succession, counts_nobody_who_is_gone_again) {
    Heir heir(2);
    heir.lose(false).hear(3, round_three(), false);
    heir.agent.withdrawn("n3");
    heir.hear(4, round_three(), false);
    EXPECT_EQ(heir.agent.state(), "standing");
    heir.hear(3, round_three(), false);
    EXPECT_EQ(heir.agent.state(), "leading");
}

/// Round 4 is of n2, n3 and n4 alone: n5 knows of no round but 3.
TEST(Succession, knows_the_latest_round_from_reports) {
    LastRound later = round_three();
    later.number = later.since = 4;
    later.group_size = 4;
    Heir heir(5, {5});
    heir.lose(false).hear(4, round_three(), false);
    EXPECT_EQ(heir.agent.state(), "standing") << "two of five of round 3";
    heir.hear(2, later, false).said();
    EXPECT_EQ(heir.agent.state(), "standing") << "of round 4 one of four";
    heir.hear(3, later, false).said();
    EXPECT_EQ(heir.agent.state(), "standing") << "two of four";
    heir.hear(4, later, false).said();
    ASSERT_EQ(heir.agent.state(), "leading");
    EXPECT_EQ(heir.did<TakeOver>().inheritance.last, later);
}

TEST(Succession, knows_a_later_epoch_from_reports) {
    LastRound old = round_three();
    old.number = 9;  // formed by a coordinator that had been given up
    LastRound later = round_three();
    later.epoch = 2;
    later.number = 4;
    later.group_size = 3;
    later.with_coordinator = false;
    Heir heir(2, {2}, old);
    heir.lose().hear(3, later);
    EXPECT_EQ(heir.agent.state(), "standing") << "one of three: its own round 9 was another's";
    heir.hear(4, later).said();
    EXPECT_EQ(heir.did<TakeOver>().inheritance.last, later);
    EXPECT_EQ(heir.did<TakeOver>().inheritance.epoch, 3);
}

TEST(Succession, counts_rounds_of_the_same_nodes_together) {
    LastRound restarted = round_three();
    restarted.number = 4;  // the nodes of 3
    restarted.restart_count = 2;
    Heir heir(2);
    heir.lose(false).hear(3, restarted, false).hear(4, round_three(), false).said();
    ASSERT_EQ(heir.agent.state(), "leading");
    EXPECT_EQ(heir.did<TakeOver>().inheritance.last, restarted);
}

TEST(Succession, keeps_the_restart_that_anyone_was_told_of) {
    LastRound told = round_three();
    told.restart_count = 2;  // by the order to stop
    Heir heir(2);
    heir.lose().hear(3, round_three()).hear(4, told).said();
    EXPECT_EQ(heir.did<TakeOver>().inheritance.last.restart_count, 2);
    Heir self(2);
    self.agent.stopped(2);
    self.lose().hear(3).hear(4).said();
    EXPECT_EQ(self.did<TakeOver>().inheritance.last.restart_count, 2);
}

TEST(Succession, lets_only_one_of_two_halves_go_on) {
    for (int size = 2; size <= 9; ++size) {
        for (int here = 1; here < size; ++here) {
            LastRound last = round_three();
            last.group_size = size;
            int leading = 0;
            for (const int first : {2, 2 + here}) {  // the nodes of both parts; n1 is silent
                const int end = first == 2 ? 2 + here : 1 + size;
                if (first >= end) continue;
                Heir heir(first, {first}, last);
                heir.lose(false);
                for (int node = first + 1; node < end; ++node)
                    heir.hear(node, last, false);
                leading += heir.agent.state() == "leading" ? 1 : 0;
            }
            EXPECT_LE(leading, 1) << here << " of " << size;
        }
    }
}

TEST(Succession, keeps_those_in_mind_who_come_before_it_has_noticed) {
    Heir heir(2);
    EXPECT_EQ(heir.hear(3).hear(4).said(), "defer-n3 defer-n4");
    EXPECT_EQ(heir.did<SendDefer>().message.why, "node n2 still has a coordinator");
    EXPECT_EQ(heir.lose().said(), "wait-on take-over-with-3");
}

TEST(Succession, keeps_those_in_mind_who_come_while_it_asks_another) {
    Heir heir(4);
    heir.lose().said();
    EXPECT_EQ(heir.hear(5).said(), "defer-n5");
    EXPECT_EQ(heir.did<SendDefer>().message.why, "node n4 asks another");
    heir.miss().hear(3);
    EXPECT_EQ(heir.miss().said(), "dial-n3 wait-on defer-n3 wait-on take-over-with-3");
}

TEST(Succession, tells_those_who_came_whom_it_follows_itself) {
    Heir heir(4);
    heir.lose().hear(5).reach().said();
    EXPECT_EQ(heir.lead().said(), "wait-on defer-n5");
    EXPECT_EQ(heir.did<SendDefer>().message.why, "node n4 has node n2 for a coordinator");
}

TEST(Succession, gives_up_with_the_number_of_nodes_that_came) {
    Heir heir(2);
    heir.lose(false).hear(3, round_three(), false).said();
    heir.now += kPatience;
    EXPECT_EQ(heir.time_up().said(), "wait-on give-up-all");
    EXPECT_EQ(
        heir.did<GiveUp>().why,
        "node n1, closed by peer; node n2 would coordinate, and 2 of the 5 nodes of the last round "
        "have come to it");
    EXPECT_EQ(heir.agent.state(), "alone");
}

TEST(Succession, gives_up_with_the_last_word_of_whom_it_asked) {
    Heir silent(5);
    silent.lose().reach().said();
    EXPECT_EQ(silent.time_up().said(), "wait-on give-up");
    EXPECT_EQ(silent.did<GiveUp>().why, "node n1, closed by peer; node n2 does not answer");
    Heir deferred(5);
    deferred.lose().reach().defer("node n2 still has a coordinator").said();
    EXPECT_EQ(deferred.time_up().said(), "wait-on give-up");
    EXPECT_EQ(deferred.did<GiveUp>().why,
              "node n1, closed by peer; node n2 still has a coordinator");
}

TEST(Succession, gives_up_when_nobody_is_left_to_ask) {
    Heir heir(9, {2, 3});
    heir.lose().miss().said();
    EXPECT_EQ(heir.miss().said(), "wait-on give-up");
    EXPECT_EQ(heir.did<GiveUp>().why,
              "node n1, closed by peer; none of those who could coordinate is left");
}

TEST(Succession, gives_up_at_once_where_it_knows_of_no_round) {
    Succession agent(card(2), kPatience);
    const auto actions = agent.lost("closed by peer", true, {});
    ASSERT_EQ(actions.size(), 2U);
    EXPECT_EQ(std::get<GiveUp>(actions.back()).why, "closed by peer");
    EXPECT_EQ(agent.state(), "alone");
}

TEST(Succession, seeks_the_one_behind_when_the_new_coordinator_is_lost_too) {
    Heir heir(5);
    heir.lose(false).reach().lead().said();
    EXPECT_EQ(heir.lose(true).said(), "dial-n3 wait-on") << "n2 has formed no round";
    heir.reach().said();
    EXPECT_FALSE(heir.did<SendReport>().report.coordinator_died) << "that of round 3 may live";
}

TEST(Succession, gives_each_that_may_take_over_an_epoch_of_its_own) {
    Heir second(3);
    second.stand().hear(4).hear(5).said();
    EXPECT_EQ(second.did<TakeOver>().inheritance.epoch, 2) << "1 would have been n2's";
}

TEST(Succession, begins_anew_with_the_next_round) {
    Heir heir(5);
    heir.lose(false).miss().reach().lead();
    LastRound next = round_three();
    next.epoch = 2;
    next.number = next.since = 4;
    next.group_size = 3;
    heir.agent.roster({next, "n3", 2, successors({4, 5})});
    heir.said();
    EXPECT_EQ(heir.lose(true).said(), "dial-n4 wait-on");
    heir.reach().said();
    EXPECT_EQ(heir.did<SendReport>().report, (Report{card(5), next, 2, true, {"n4", "n5"}}));
}

TEST(Succession, retires) {
    Heir asking(5);
    asking.lose().reach();
    asking.agent.retire();
    asking.said();
    EXPECT_EQ(asking.agent.state(), "alone");
    EXPECT_EQ(asking.time_up().miss().reach().said(), "");

    Heir standing(2);
    standing.lose().said();
    standing.agent.retire();
    EXPECT_EQ(standing.hear(3).hear(4).time_up().said(), "defer-n3 defer-n4");
    EXPECT_EQ(standing.agent.state(), "alone") << "it is to take over for nobody";
}

TEST(Succession, passes_over_what_comes_too_late) {
    Heir heir(2);
    EXPECT_EQ(heir.reach().miss().time_up().said(), "") << "nothing is lost";
    heir.lose().hear(3).hear(4).said();
    ASSERT_EQ(heir.agent.state(), "leading");
    EXPECT_EQ(heir.lose().reach().miss().lead().time_up().said(), "");
    EXPECT_EQ(heir.agent.state(), "leading");
}

}  // namespace
}  // namespace torchelastic::coordinator
