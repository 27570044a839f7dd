#include <gtest/gtest.h>

#include "process/prefix.h"
#include "process/streams.h"

namespace torchelastic::process {
namespace {

constexpr StreamSet kNone{};
constexpr StreamSet kOut{true, false};
constexpr StreamSet kErr{false, true};
constexpr StreamSet kBoth{true, true};

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

constexpr Route kPipe{Route::To::pipe, false};
constexpr Mixing kSeparate{true, true, false};

struct Company {
    const char* name;
    Mixing mixing;
    std::vector<Routes> workers;
    std::vector<Routes> parted;
};

const Company kCompanies[] = {
    {"one alone", kSeparate, {{kConsole, kConsole}}, {{kConsole, kConsole}}},
    {"one alone, on one console",
     {true, true, true},
     {{kConsole, kConsole}},
     {{kConsole, kConsole}}},
    {"two",
     kSeparate,
     {{kConsole, kConsole}, {kConsole, kConsole}},
     {{kPipe, kPipe}, {kPipe, kPipe}}},
    {"two, on a terminal",
     {},
     {{kConsole, kConsole}, {kConsole, kConsole}},
     {{kConsole, kConsole}, {kConsole, kConsole}}},
    {"only stderr is no terminal",
     {false, true, false},
     {{kConsole, kConsole}, {kConsole, kConsole}},
     {{kConsole, kPipe}, {kConsole, kPipe}}},
    {"the other is filtered out",
     kSeparate,
     {{kConsole, kConsole}, {kNowhere, kNowhere}},
     {{kConsole, kConsole}, {kNowhere, kNowhere}}},
    {"the other's file is not shown",
     kSeparate,
     {{kConsole, kConsole}, {kFile, kConsole}},
     {{kConsole, kPipe}, {kFile, kPipe}}},
    {"the other is tee'd",
     kSeparate,
     {{kConsole, kConsole}, {kFollowed, kFile}},
     {{kPipe, kConsole}, {kFollowed, kFile}}},
    {"one's stdout and another's stderr, apart",
     kSeparate,
     {{kConsole, kFile}, {kFile, kConsole}},
     {{kConsole, kFile}, {kFile, kConsole}}},
    {"the same on one console",
     {true, true, true},
     {{kConsole, kFile}, {kFile, kConsole}},
     {{kPipe, kFile}, {kFile, kPipe}}},
};

TEST(Part, gives_a_pipe_to_each_of_those_who_share_a_console) {
    for (const Company& each : kCompanies) {
        std::vector<Routes> workers = each.workers;
        part(workers, each.mixing);
        EXPECT_EQ(workers, each.parted) << each.name;
    }
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
