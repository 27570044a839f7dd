// Who counts in an election without knowing of the last round, and how long a new coordinator
// waits.
#include <algorithm>

#include <gtest/gtest.h>

#include "coordinator/succession.h"

namespace torchelastic::coordinator {
namespace {

using std::chrono::seconds;

Card card(const AgentId& id) {
    return {.id = id, .address = "10.0.0.9", .port = 29400};
}

/// Round 4 of n1, which coordinated, n3 and n4; before it n2 was lost.
Roster round_four() {
    Roster roster;
    roster.last = {.epoch = 0, .number = 4, .since = 4, .group_size = 3};
    roster.coordinator = "n1";
    roster.group_rank = 1;
    roster.successors = {{"n3", {"10.0.0.3", 29400}}, {"n4", {"10.0.0.4", 29400}}};
    return roster;
}

Report of_round_three(const AgentId& id) {
    return {card(id), {.epoch = 0, .number = 3, .since = 3, .group_size = 4}, 2, true, {}};
}

bool takes_over(const Succession::Actions& actions) {
    return std::any_of(actions.begin(), actions.end(), [](const Succession::Action& each) {
        return std::holds_alternative<TakeOver>(each);
    });
}

TEST(SuccessionMembers, count_though_they_were_lost_before_they_heard_of_their_round) {
    Succession heir(card("n3"), seconds(8));
    heir.roster(round_four());
    EXPECT_FALSE(takes_over(heir.lost("closed by peer", true, {})));
    EXPECT_FALSE(takes_over(heir.report(of_round_three("n2"), {}))) << "that is none of its nodes";
    EXPECT_TRUE(takes_over(heir.report(of_round_three("n4"), {})));
}

TEST(SuccessionMembers, count_as_others_know_them) {
    Succession heir(card("n4"), seconds(8));
    Roster older = round_four();
    older.last = of_round_three("n4").last;
    older.successors = {{"n4", {"10.0.0.4", 29400}}, {"n3", {"10.0.0.3", 29400}}};
    heir.roster(older);
    EXPECT_FALSE(takes_over(heir.lost("closed by peer", true, {})));
    const Report newer{card("n3"), round_four().last, 1, true, {"n3", "n4"}};
    EXPECT_TRUE(takes_over(heir.report(newer, {})));
}

Inheritance died(bool for_certain) {
    Inheritance inheritance;
    inheritance.last = round_four().last;
    inheritance.members = {"n3", "n4"};
    inheritance.epoch = 1;
    inheritance.coordinator_died = for_certain;
    inheritance.why = "lost the coordinator: node n1, closed by peer";
    return inheritance;
}

/// How long n3 waits for n4, which does not come.
Duration wait(const Inheritance& inheritance, int min_nodes) {
    Plan plan{.coordinator = "n3", .membership = Membership::known, .expected = {"n1", "n3", "n4"}};
    plan.min_nodes = min_nodes;
    plan.max_nodes = 3;
    Coordinator coordinator(plan, inheritance);
    Instant now{};
    std::optional<Instant> alarm;
    bool ends = false;
    const auto take = [&](const std::vector<Action>& actions) {
        for (const Action& each : actions) {
            if (const auto* arm = std::get_if<ArmTimer>(&each)) alarm = arm->at;
            const auto* send = std::get_if<Send>(&each);
            ends |= send != nullptr && (std::holds_alternative<Assignment>(send->message) ||
                                        std::holds_alternative<Finish>(send->message));
        }
    };
    take(coordinator.begin(now));
    take(coordinator.handle({"n3", Report{card("n3"), inheritance.last, 1, true, {}}}, now));
    take(coordinator.handle({"n3", Ready{1, true}}, now));
    while (!ends) {
        now = *alarm;
        take(coordinator.handle({"", TimeUp{}}, now));
    }
    return now - Instant{};
}

TEST(SuccessionMembers, are_awaited_for_a_moment_where_all_saw_the_death_and_enough_came) {
    EXPECT_EQ(wait(died(true), 1), seconds(1));
    EXPECT_EQ(wait(died(true), 2), seconds(6)) << "they are needed";
    EXPECT_EQ(wait(died(false), 1), seconds(6)) << "they may notice later";
}

}  // namespace
}  // namespace torchelastic::coordinator
