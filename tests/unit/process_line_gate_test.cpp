#include <gtest/gtest.h>

#include "process/line_gate.h"

namespace torchelastic::process {
namespace {

using namespace std::string_literals;

/// A gate and what it has shown since the last look.
struct Gate {
    std::string take(std::string_view bytes) {
        std::string shown;
        gate.take(bytes, shown);
        return shown;
    }
    std::string age() {
        std::string shown;
        gate.age(shown);
        return shown;
    }
    std::string finish() {
        std::string shown;
        gate.finish(shown);
        return shown;
    }

    LineGate gate;
};

TEST(LineGate, holds_what_follows_the_last_newline) {
    Gate gate;
    EXPECT_EQ(gate.take("one\ntwo\nthr"), "one\ntwo\n");
    EXPECT_EQ(gate.take("ee"), "");
    EXPECT_EQ(gate.take("\n"), "three\n");
    EXPECT_FALSE(gate.gate.ages());
}

TEST(LineGate, passes_every_byte_one_at_a_time) {
    std::string said = "\n\0\n\r10%\r20%\r\n"s;
    for (int byte = 0; byte < 256; ++byte) {
        said += static_cast<char>(byte);
    }
    said += std::string(3 * LineGate::kHeld, 'x') + "\nend";
    Gate gate;
    std::string shown;
    for (const char byte : said) {
        shown += gate.take({&byte, 1});
    }
    shown += gate.finish();
    EXPECT_EQ(shown, said);
}

TEST(LineGate, adds_no_newline_at_the_end) {
    Gate gate;
    EXPECT_EQ(gate.take("last words"), "");
    EXPECT_EQ(gate.finish(), "last words");
    EXPECT_EQ(gate.finish(), "");
}

TEST(LineGate, holds_a_line_until_time_has_passed_twice) {
    Gate gate;
    EXPECT_EQ(gate.take("name? "), "");
    EXPECT_TRUE(gate.gate.ages());
    EXPECT_EQ(gate.age(), "");
    EXPECT_EQ(gate.age(), "name? ");
    EXPECT_FALSE(gate.gate.ages());
    EXPECT_EQ(gate.age(), "");
    EXPECT_EQ(gate.take("me\n"), "me\n");
}

TEST(LineGate, shows_a_progress_bar_that_never_pauses) {
    Gate gate;
    EXPECT_EQ(gate.take("\r10%"), "");
    EXPECT_EQ(gate.age(), "");
    EXPECT_EQ(gate.take("\r20%"), "");
    EXPECT_EQ(gate.age(), "\r10%\r20%");
    EXPECT_EQ(gate.take("\r30%"), "");
    EXPECT_EQ(gate.age(), "");
    EXPECT_EQ(gate.take("\r40%\n"), "\r30%\r40%\n");
}

TEST(LineGate, counts_the_age_of_each_line_from_its_beginning) {
    Gate gate;
    EXPECT_EQ(gate.take("first"), "");
    EXPECT_EQ(gate.age(), "");
    EXPECT_EQ(gate.take("\nsecond"), "first\n");
    EXPECT_EQ(gate.age(), "");
    EXPECT_EQ(gate.take("\n"), "second\n");
}

TEST(LineGate, keeps_the_turn_within_a_line_too_long_to_be_held) {
    const std::string part(LineGate::kHeld, 'x');
    Gate gate;
    EXPECT_EQ(gate.take(part.substr(1)), "");
    EXPECT_EQ(gate.take("x"), part);
    EXPECT_TRUE(gate.gate.within_line());
    EXPECT_EQ(gate.take("more"), "more");
    EXPECT_EQ(gate.age(), "");
    EXPECT_EQ(gate.take("and more"), "and more");
    EXPECT_EQ(gate.age(), "");
    EXPECT_TRUE(gate.gate.within_line());
    EXPECT_EQ(gate.take("end\nnext"), "end\n");
    EXPECT_FALSE(gate.gate.within_line());
    EXPECT_EQ(gate.take(part), "next" + part);
}

TEST(LineGate, gives_up_the_turn_of_a_long_line_whose_writer_pauses) {
    Gate gate;
    gate.take(std::string(LineGate::kHeld, 'x'));
    EXPECT_EQ(gate.age(), "");
    EXPECT_TRUE(gate.gate.within_line());
    EXPECT_EQ(gate.age(), "");
    EXPECT_FALSE(gate.gate.within_line());
    EXPECT_EQ(gate.take("y\n"), "y\n");
}

}  // namespace
}  // namespace torchelastic::process
