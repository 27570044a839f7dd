// Whether agents that were lost may have elected another coordinator: rounds, losses, and what is
// left to say.
#include "coordinator/quorum.h"

#include <functional>

#include <gtest/gtest.h>

namespace torchelastic::coordinator {
namespace {

using Step = std::function<void(Quorum&)>;

std::vector<AgentId> nodes(int first, int last) {
    std::vector<AgentId> ids;
    for (int node = first; node <= last; ++node)
        ids.push_back("n" + std::to_string(node));
    return ids;
}

Step formed(int round, int first, int last) {
    return [=](Quorum& quorum) { quorum.formed(round, nodes(first, last)); };
}
/// A coordinator of this round's nodes, itself among them, was lost.
Step inherited(int round, int size, bool with_coordinator = true) {
    return [=](Quorum& quorum) {
        LastRound last;
        last.number = round;
        last.group_size = size;
        last.with_coordinator = with_coordinator;
        quorum.inherited(last);
    };
}
Step joined(int first, int last) {
    return [=](Quorum& quorum) {
        for (const AgentId& id : nodes(first, last))
            quorum.joined(id);
    };
}
Step know(int round, int first, int last) {
    return [=](Quorum& quorum) {
        for (const AgentId& id : nodes(first, last))
            quorum.knows(id, round);
    };
}
Step die(int first, int last) {
    return [=](Quorum& quorum) {
        for (const AgentId& id : nodes(first, last))
            quorum.lost(id, true);
    };
}
Step fall_silent(int first, int last) {
    return [=](Quorum& quorum) {
        for (const AgentId& id : nodes(first, last))
            quorum.lost(id, false);
    };
}

const struct {
    const char* what;
    std::vector<Step> steps;
    bool holds;
} kIncidents[] = {
    {"nothing has been formed", {}, true},
    {"all are here", {formed(0, 1, 4)}, true},
    {"one of four is silent", {formed(0, 1, 4), fall_silent(4, 4)}, true},
    {"two of four are silent: half elects nobody", {formed(0, 1, 4), fall_silent(3, 4)}, true},
    {"three of four are silent", {formed(0, 1, 4), fall_silent(2, 4)}, false},
    {"three of five are silent", {formed(0, 1, 5), fall_silent(3, 5)}, false},
    {"the other of two is silent", {formed(0, 1, 2), fall_silent(2, 2)}, true},
    {"all others are dead: they elect nobody", {formed(0, 1, 4), die(2, 4)}, true},
    {"two of four are silent, one is dead", {formed(0, 1, 4), fall_silent(3, 4), die(2, 2)}, true},
    {"three of seven are silent, three dead",
     {formed(0, 1, 7), fall_silent(5, 7), die(2, 4)},
     true},
    {"four of seven are silent, none dead", {formed(0, 1, 7), fall_silent(4, 7)}, false},
    {"a spare is lost", {formed(0, 1, 2), fall_silent(3, 9)}, true},
    {"one is lost twice", {formed(0, 1, 4), fall_silent(3, 4), fall_silent(4, 4)}, true},
    {"one that fell silent may live, whatever is heard of it later",
     {formed(0, 1, 4), fall_silent(2, 4), die(2, 4)},
     false},
    {"of the round before too many are missing, and the new one is not known yet",
     {formed(0, 1, 5), fall_silent(4, 5), formed(1, 1, 3), fall_silent(3, 3)},
     false},
    {"all who are here know of the smaller round",
     {formed(0, 1, 5), fall_silent(4, 5), formed(1, 1, 3), know(1, 1, 3), fall_silent(3, 3)},
     true},
    {"one of them does not",
     {formed(0, 1, 5), fall_silent(4, 5), formed(1, 1, 3), know(1, 1, 2), fall_silent(3, 3)},
     false},
    {"the one that did not know is dead: all who are here do",
     {formed(0, 1, 5), fall_silent(4, 5), formed(1, 1, 3), know(1, 1, 1), die(3, 3), know(1, 2, 2),
      fall_silent(2, 2)},
     true},
    {"the one that did not know is silent, and would vote by the round before",
     {formed(0, 1, 7), fall_silent(6, 7), formed(1, 1, 5), know(1, 1, 3), fall_silent(5, 5),
      know(1, 4, 4), fall_silent(4, 4)},
     false},
    {"all know of a later round, and so of those before",
     {formed(0, 1, 7), fall_silent(7, 7), formed(1, 1, 6), fall_silent(6, 6), formed(2, 1, 5),
      know(2, 1, 5), fall_silent(4, 5)},
     true},
    {"newcomers may elect without those who were there before",
     {formed(0, 1, 3), know(0, 1, 3), formed(1, 1, 7), fall_silent(4, 7)},
     false},
    {"those who were there before may elect without the newcomers",
     {formed(0, 1, 3), know(0, 1, 3), formed(1, 1, 7), fall_silent(2, 3)},
     false},
    {"the same once everyone knows of the newcomers",
     {formed(0, 1, 3), know(0, 1, 3), formed(1, 1, 7), know(1, 1, 7), fall_silent(2, 3)},
     true},
    {"restarts with the same nodes are one round to all",
     {formed(0, 1, 4), know(0, 1, 4), formed(1, 1, 4), formed(2, 1, 4), fall_silent(3, 4)},
     true},
    {"took over with three of five, the one before not counted: two may live",
     {inherited(3, 6), joined(2, 4)},
     true},
    {"half of those who remain have come", {inherited(3, 5), joined(2, 3)}, true},
    {"fewer", {inherited(3, 6), joined(2, 3)}, false},
    {"one of those who had come is silent again",
     {inherited(3, 6), joined(2, 4), fall_silent(4, 4)},
     false},
    {"one of those who had come dies", {inherited(3, 6), joined(2, 4), die(4, 4)}, true},
    {"the one before took no part in its round", {inherited(3, 4, false), joined(2, 3)}, true},
    {"one comes more than there can be", {inherited(3, 4), joined(2, 5)}, true},
    {"the new one has formed a round that all know",
     {inherited(3, 6), joined(2, 4), formed(4, 2, 4), know(4, 2, 4), fall_silent(4, 4)},
     true},
    {"the new one has formed a round of which one does not know",
     {inherited(3, 6), joined(2, 4), formed(4, 2, 4), know(4, 2, 3), fall_silent(4, 4)},
     false},
};

TEST(Quorum, holds_as_long_as_others_cannot_be_more_than_half) {
    for (const auto& each : kIncidents) {
        Quorum quorum;
        for (const Step& step : each.steps)
            step(quorum);
        EXPECT_EQ(quorum.holds(), each.holds) << each.what;
    }
}

TEST(Quorum, names_the_first_of_the_rounds_with_the_same_nodes) {
    Quorum quorum;
    EXPECT_EQ(quorum.formed(0, nodes(1, 4)), 0);
    EXPECT_EQ(quorum.formed(1, nodes(1, 4)), 0);
    EXPECT_EQ(quorum.formed(2, nodes(1, 4)), 0);
    EXPECT_EQ(quorum.formed(3, nodes(1, 3)), 3) << "one less";
    EXPECT_EQ(quorum.formed(4, nodes(1, 4)), 4) << "it is back";
    EXPECT_EQ(quorum.formed(5, {"n4", "n2", "n3", "n1"}), 4) << "in another order";
    quorum.lost("n4", false);
    EXPECT_EQ(quorum.formed(6, nodes(1, 3)), 6);
}

TEST(Quorum, takes_no_round_of_another_coordinator_for_its_own) {
    Quorum quorum;
    inherited(7, 4, false)(quorum);
    joined(1, 4)(quorum);
    EXPECT_EQ(quorum.formed(8, nodes(1, 4)), 7) << "their reports name the round that they know";
}

/// Whoever would be more than half of any round, as the agents know it, is more than half of one
/// that the coordinator looks at.
TEST(Quorum, never_holds_where_a_majority_is_silent) {
    for (int size = 1; size <= 12; ++size) {
        for (int silent = 0; silent < size; ++silent) {
            for (int dead = 0; silent + dead < size; ++dead) {
                Quorum quorum;
                quorum.formed(0, nodes(1, size));
                die(2, 1 + dead)(quorum);
                fall_silent(2 + dead, 1 + dead + silent)(quorum);
                EXPECT_EQ(quorum.holds(), 2 * silent <= size)
                    << silent << " silent, " << dead << " dead of " << size;
            }
        }
    }
}

}  // namespace
}  // namespace torchelastic::coordinator
