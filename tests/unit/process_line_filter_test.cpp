#include <gtest/gtest.h>

#include "process/line_filter.h"

namespace torchelastic::process {
namespace {

struct Case {
    const char* name;
    std::vector<std::string> needles;
    const char* line;
    bool passes;
};

const Case kCases[] = {
    {"nothing is looked for", {}, "anything\n", true},
    {"nothing is looked for, in nothing", {}, "", true},
    {"it is there", {"loss"}, "epoch 1 loss 0.5\n", true},
    {"it is not", {"loss"}, "epoch 1\n", false},
    {"any of them will do", {"loss", "epoch"}, "epoch 1\n", true},
    {"in another case", {"loss"}, "LOSS\n", false},
    {"torchrun's ''", {""}, "anything\n", true},
    {"torchrun's '', in nothing", {""}, "", true},
    {"'' beside others", {"loss", ""}, "epoch 1\n", true},
    {"the needle is the line", {"line"}, "line", true},
    {"the needle is longer", {"line and more"}, "line", false},
    {"it begins twice", {"aab"}, "aaab", true},
};

TEST(LineFilter, knows_what_a_line_holds) {
    for (const Case& c : kCases) {
        EXPECT_EQ(LineFilter(c.needles).passes(c.line), c.passes) << c.name;
    }
}

TEST(LineFilter, knows_it_of_pieces_of_any_size) {
    for (const Case& c : kCases) {
        LineFilter filter(c.needles);
        const std::string_view line = c.line;
        for (std::size_t size = 1; size <= 5; ++size) {
            filter.begin();
            for (std::size_t at = 0; at < line.size(); at += size) {
                filter.take(line.substr(at, size));
            }
            EXPECT_EQ(filter.passed(), c.passes) << c.name << ", by " << size;
        }
    }
}

TEST(LineFilter, forgets_the_line_before) {
    LineFilter filter({"ab"});
    filter.begin();
    filter.take("ab a");
    EXPECT_TRUE(filter.passed());
    filter.begin();
    EXPECT_FALSE(filter.passed());
    filter.take("b");
    EXPECT_FALSE(filter.passed());
}

}  // namespace
}  // namespace torchelastic::process
