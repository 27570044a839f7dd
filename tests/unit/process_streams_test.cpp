#include <gtest/gtest.h>

#include "process/prefix.h"
#include "process/streams.h"

namespace torchelastic::process {
namespace {

constexpr StreamSet kNone{};
constexpr StreamSet kOut{true, false};
constexpr StreamSet kErr{false, true};
constexpr StreamSet kBoth{true, true};

TEST(StdMap, takes_one_digit_for_all) {
    EXPECT_EQ(parse_std_map("0", 2), std::vector<StreamSet>(2, kNone));
    EXPECT_EQ(parse_std_map("1", 2), std::vector<StreamSet>(2, kOut));
    EXPECT_EQ(parse_std_map("2", 1), std::vector<StreamSet>(1, kErr));
    EXPECT_EQ(parse_std_map("3", 3), std::vector<StreamSet>(3, kBoth));
    EXPECT_EQ(parse_std_map("3", 0), std::vector<StreamSet>());
}

TEST(StdMap, takes_a_map_and_gives_the_rest_nothing) {
    EXPECT_EQ(parse_std_map("0:3,1:1", 3), (std::vector<StreamSet>{kBoth, kOut, kNone}));
    EXPECT_EQ(parse_std_map("1:2", 2), (std::vector<StreamSet>{kNone, kErr}));
}

TEST(StdMap, knows_ranks_of_several_digits) {
    const auto sets = parse_std_map("11:3,127:1", 128);
    ASSERT_TRUE(sets);
    EXPECT_EQ((*sets)[11], kBoth);
    EXPECT_EQ((*sets)[127], kOut);
    EXPECT_EQ((*sets)[1], kNone);
}

TEST(StdMap, passes_over_ranks_that_this_node_has_not) {
    EXPECT_EQ(parse_std_map("9:3,0:1", 1), std::vector<StreamSet>(1, kOut));
}

TEST(StdMap, refuses_the_rest_in_words) {
    for (const char* wrong : {"", "4", "11", "0:1,", "0:1,1", "1,0:1", "0:4", ":1", "0:", "-1:1",
                              "a:1", "0:1;1:1", "0:1:1", "99999999999:1"}) {
        EXPECT_FALSE(parse_std_map(wrong, 2)) << wrong;
    }
    EXPECT_EQ(parse_std_map("0:9", 2).error().text(),
              "streams \"0:9\": expected 0 (none), 1 (stdout), 2 (stderr), 3 (both), or a map such "
              "as 0:3,1:1");
}

TEST(RanksFilter, is_a_list_of_numbers) {
    EXPECT_EQ(*parse_ranks_filter(""), std::nullopt);
    EXPECT_EQ(*parse_ranks_filter("0, 2,11"), (std::set<int>{0, 2, 11}));
    for (const char* wrong : {"a", "0,", ",", "1.5", "-1"}) {
        EXPECT_FALSE(parse_ranks_filter(wrong)) << wrong;
    }
}

struct Case {
    const char* name;
    StreamSet redirect;
    StreamSet tee;
    bool listed;
    bool has_files;
    Route out;
};

constexpr Route kConsole{Route::To::console, false};
constexpr Route kFile{Route::To::file, false};
constexpr Route kFollowed{Route::To::file, true};
constexpr Route kNowhere{Route::To::null, false};

const Case kCases[] = {
    {"nothing asked for", kNone, kNone, true, true, kConsole},
    {"redirected", kOut, kNone, true, true, kFile},
    {"tee'd", kNone, kOut, true, true, kFollowed},
    {"redirected and tee'd", kBoth, kBoth, true, true, kFollowed},
    {"the other stream is redirected", kErr, kErr, true, true, kConsole},
    {"filtered out", kNone, kNone, false, true, kNowhere},
    {"filtered out, redirected", kOut, kNone, false, true, kFile},
    {"filtered out, tee'd", kNone, kOut, false, true, kFile},
    {"no files, redirected", kOut, kOut, true, false, kConsole},
    {"no files, filtered out", kOut, kOut, false, false, kNowhere},
};

TEST(Routes, follow_torchrun) {
    for (const Case& c : kCases) {
        const std::set<int> filter{c.listed ? 3 : 4};
        EXPECT_EQ(route(3, c.redirect, c.tee, filter, c.has_files).out, c.out) << c.name;
        const StreamSet redirect{c.redirect.err, c.redirect.out};
        const StreamSet tee{c.tee.err, c.tee.out};
        EXPECT_EQ(route(3, redirect, tee, filter, c.has_files).err, c.out) << c.name;
    }
    EXPECT_EQ(route(3, kNone, kNone, std::nullopt, true), (Routes{kConsole, kConsole}));
}

TEST(Prefix, defaults_to_torchruns) {
    EXPECT_EQ(prefix("", {}), "[default0]:");
    EXPECT_EQ(prefix("", {.role_name = "trainer", .local_rank = 12}), "[trainer12]:");
}

TEST(Prefix, knows_its_macros_and_leaves_the_others) {
    const PrefixFacts facts{.role_name = "r", .local_rank = 1, .rank = 9, .hostname = "n1"};
    EXPECT_EQ(prefix("$hostname|${role_name}|${local_rank}|$rank|${nope}: ", facts),
              "n1|r|1|9|${nope}: ");
}

TEST(Template, is_pythons_safe_substitute) {
    const std::vector<Macro> macros{{"local_rank", "5"}, {"a", "$a"}};
    const std::pair<const char*, const char*> rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"$local_rank", "5"},
        {"${local_rank}x", "5x"},
        {"$local_rankx", "$local_rankx"},
        {"$$local_rank", "$local_rank"},
        {"$$$local_rank", "$5"},
        {"cost: $5", "cost: $5"},
        {"${}", "${}"},
        {"${local_rank", "${local_rank"},
        {"${local rank}", "${local rank}"},
        {"$", "$"},
        {"$$", "$"},
        {"$$$", "$$"},
        {"${$local_rank}", "${5}"},
        {"$a", "$a"},
        {"$LOCAL_RANK", "$LOCAL_RANK"},
        {"\xff$local_rank\xfe",
         "\xff"
         "5\xfe"},
    };
    for (const auto& [text, expected] : rows) {
        EXPECT_EQ(substitute(text, macros), expected) << text;
    }
}

}  // namespace
}  // namespace torchelastic::process
