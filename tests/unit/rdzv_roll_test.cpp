// Who serves a node, of the ranks that a launcher started.
#include <gtest/gtest.h>

#include "rdzv/exchange.h"
#include "rdzv/roll.h"

namespace torchelastic::rdzv {
namespace {

struct Rank {
    const char* node;
    std::uint32_t local;
};

std::string card_of(const char* node) {
    return encode({node, {"10.0.0.1"}, 7, "00", "00"});
}

Roll roll_of(std::uint32_t own, const std::vector<Rank>& ranks) {
    Exchanged exchanged{.rank = own,
                        .size = static_cast<std::uint32_t>(ranks.size()),
                        .name = "job",
                        .cards = {},
                        .local_ranks = {}};
    for (const Rank& rank : ranks) {
        exchanged.cards.push_back(card_of(rank.node));
        exchanged.local_ranks.push_back(rank.local);
    }
    auto roll = call_roll(exchanged);
    EXPECT_TRUE(roll) << roll.error().text();
    return roll ? std::move(*roll) : Roll{};
}

std::string names(const Roll& roll) {
    std::string text;
    for (const BusinessCard& card : roll.agents)
        text += card.node + " ";
    return text;
}

TEST(Roll, keeps_the_order_of_ranks) {
    const Roll roll = roll_of(1, {{"b", 0}, {"a", 0}});
    EXPECT_EQ(names(roll), "b a ");
    EXPECT_EQ(roll.own, 1U);
    EXPECT_EQ(roll.surplus, "");
}

TEST(Roll, has_the_first_rank_of_each_node) {
    const std::vector<Rank> ranks = {{"a", 0}, {"a", 1}, {"b", 0}, {"b", 1}, {"c", 0}};
    EXPECT_EQ(names(roll_of(4, ranks)), "a b c ");
    EXPECT_EQ(roll_of(4, ranks).own, 2U);
    EXPECT_EQ(roll_of(3, ranks).own, std::nullopt);
}

TEST(Roll, lets_one_say_what_the_surplus_is_for) {
    const std::vector<Rank> ranks = {{"a", 0}, {"b", 0}, {"a", 1}, {"b", 1}, {"b", 2}};
    int told = 0;
    for (std::uint32_t own = 0; own < ranks.size(); ++own)
        told += roll_of(own, ranks).surplus.empty() ? 0 : 1;
    EXPECT_EQ(told, 1);
    EXPECT_TRUE(roll_of(2, ranks).surplus.starts_with(
        "the launcher started 5 ranks on 2 nodes: one agent serves a node, the others leave"));
}

TEST(Roll, goes_by_names_where_the_launcher_does_not_tell) {
    const std::vector<Rank> ranks = {{"a", kNoLocalRank}, {"a", kNoLocalRank}, {"b", kNoLocalRank}};
    EXPECT_EQ(names(roll_of(0, ranks)), "a b ");
    EXPECT_EQ(roll_of(1, ranks).own, std::nullopt);
}

TEST(Roll, tells_nodes_apart_that_share_a_name) {
    const Roll roll = roll_of(2, {{"localhost", 0}, {"localhost", 1}, {"localhost", 0}});
    EXPECT_EQ(names(roll), "localhost localhost.2 ");
    EXPECT_EQ(roll.own, 1U);
}

TEST(Roll, names_the_rank_whose_card_is_broken) {
    const auto roll = call_roll({.rank = 0,
                                 .size = 1,
                                 .name = "job",
                                 .cards = {card_of("a"), "nonsense"},
                                 .local_ranks = {0, 0}});
    ASSERT_FALSE(roll);
    EXPECT_EQ(roll.error().text(),
              "rank 1: not a business card of this release: it begins with 'nonsense'");
}

TEST(Roll, is_not_called_where_nobody_comes_first) {
    EXPECT_FALSE(call_roll(
        {.rank = 0, .size = 1, .name = "job", .cards = {card_of("a")}, .local_ranks = {3}}));
}

}  // namespace
}  // namespace torchelastic::rdzv
