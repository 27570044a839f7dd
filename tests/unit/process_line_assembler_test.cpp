#include <algorithm>
#include <random>
#include <utility>

#include <gtest/gtest.h>

#include "process/line_assembler.h"

namespace torchelastic::process {
namespace {

/// A file in memory that is followed.
class Followed {
public:
    explicit Followed(std::size_t at_most = LineAssembler::kChunk, LineFilter filter = {})
        : at_most_(at_most), lines_("[p]:", std::move(filter)) {}

    void write(std::string_view bytes) { file_ += bytes; }
    void empty() { file_.clear(); }

    /// Lets the assembler have what is there, in reads of a limited size.
    void read() {
        for (;;) {
            const auto want = lines_.next();
            EXPECT_LE(want.size, LineAssembler::kChunk);
            std::string bytes;
            ++reads_;
            if (want.offset < file_.size()) {
                bytes = file_.substr(want.offset, std::min(want.size, at_most_));
            }
            const bool last = bytes.empty() && !lines_.replaying();
            lines_.take(bytes, shown_);
            if (last) return;
        }
    }

    void finish() {
        read();
        lines_.finish();
        read();
    }

    std::string take() { return std::exchange(shown_, {}); }
    LineAssembler& lines() { return lines_; }
    int reads() const { return reads_; }
    std::string& shown() { return shown_; }

private:
    std::string file_;
    std::string shown_;
    std::size_t at_most_;
    int reads_ = 0;
    LineAssembler lines_;
};

TEST(LineAssembler, shows_a_line_when_it_is_whole) {
    Followed file;
    file.write("abc");
    file.read();
    EXPECT_EQ(file.take(), "");
    file.write("def\ngh");
    file.read();
    EXPECT_EQ(file.take(), "[p]:abcdef\n");
    file.write("\n\n");
    file.read();
    EXPECT_EQ(file.take(), "[p]:gh\n[p]:\n");
}

TEST(LineAssembler, gives_the_last_line_its_newline) {
    Followed file;
    file.write("a\nlast words");
    file.finish();
    EXPECT_EQ(file.take(), "[p]:a\n[p]:last words\n");
    EXPECT_FALSE(file.lines().replaying());
    EXPECT_FALSE(file.lines().within_line());
}

TEST(LineAssembler, adds_nothing_to_a_file_that_ends_well_or_is_empty) {
    Followed ended;
    ended.write("a\n");
    ended.finish();
    EXPECT_EQ(ended.take(), "[p]:a\n");
    Followed empty;
    empty.finish();
    EXPECT_EQ(empty.take(), "");
}

TEST(LineAssembler, keeps_carriage_returns_zeros_and_what_is_no_text) {
    const std::string bytes("10%\r20%\r\0\xff\xfe\x80 done\n", 18);
    Followed file;
    file.write(bytes);
    file.read();
    EXPECT_EQ(file.take(), "[p]:" + bytes);
}

TEST(LineAssembler, streams_a_line_that_is_longer_than_memory_once_its_end_is_known) {
    Followed file;
    const std::string line(5 * LineAssembler::kChunk + 7, 'x');
    file.write(line);
    file.read();
    EXPECT_EQ(file.take(), "");
    EXPECT_FALSE(file.lines().within_line());
    file.write("\nnext\n");
    file.read();
    EXPECT_EQ(file.take(), "[p]:" + line + "\n[p]:next\n");
}

TEST(LineAssembler, reads_many_short_lines_once) {
    Followed file;
    std::string bytes;
    while (bytes.size() < 10 * LineAssembler::kChunk)
        bytes += "a line of thirty-nine bytes, no more ..\n";
    file.write(bytes);
    file.read();
    EXPECT_EQ(file.reads(), 12);
    EXPECT_EQ(std::count(file.shown().begin(), file.shown().end(), '\n'),
              std::count(bytes.begin(), bytes.end(), '\n'));
}

TEST(LineAssembler, passes_over_lines_that_the_filter_stops) {
    const std::string longer(3 * LineAssembler::kChunk, 'x');
    Followed file(LineAssembler::kChunk, LineFilter({"needle"}));
    file.write("hay\na needle\n" + longer + "\n" + longer + "needle" + longer + "\nnee\ndle\n");
    file.finish();
    EXPECT_EQ(file.take(), "[p]:a needle\n[p]:" + longer + "needle" + longer + "\n");
}

TEST(LineAssembler, asks_the_filter_about_the_last_words_too) {
    Followed found(3, LineFilter({"needle"}));
    found.write("hay\na needle");
    found.finish();
    EXPECT_EQ(found.take(), "[p]:a needle\n");
    Followed nothing(3, LineFilter({"needle"}));
    nothing.write("a needle\nhay");
    nothing.finish();
    EXPECT_EQ(nothing.take(), "[p]:a needle\n");
    EXPECT_FALSE(nothing.lines().replaying());
}

TEST(LineAssembler, says_when_it_is_within_a_line) {
    LineAssembler lines("p:");
    std::string shown;
    lines.take("ab", shown);
    lines.take("c\n", shown);
    EXPECT_TRUE(lines.replaying());
    EXPECT_FALSE(lines.within_line());
    lines.take("a", shown);
    EXPECT_TRUE(lines.within_line());
    lines.take("bc\n", shown);
    EXPECT_FALSE(lines.within_line());
    EXPECT_EQ(shown, "p:abc\n");
}

TEST(LineAssembler, begins_again_when_the_file_was_emptied) {
    Followed file;
    file.write("old\nhalf");
    file.read();
    file.take();
    file.empty();
    file.lines().restart(file.shown());
    file.write("new\n");
    file.read();
    EXPECT_EQ(file.take(), "[p]:new\n");
}

TEST(LineAssembler, ends_a_line_that_vanished_while_it_was_shown) {
    LineAssembler lines("p:");
    std::string shown;
    lines.take("ab", shown);
    lines.take("c\n", shown);
    lines.take("a", shown);
    lines.take("", shown);
    EXPECT_EQ(shown, "p:a\n");
    EXPECT_EQ(lines.next().offset, 0U);
}

void shows_the_same(std::size_t longest, std::size_t at_most, unsigned seed) {
    std::mt19937 random(seed);
    std::string bytes;
    std::string expected;
    std::string filtered;
    for (int line = 0; line < 20; ++line) {
        const std::string text(random() % longest, static_cast<char>('a' + line));
        const std::string shown = "[p]:" + text + "\n";
        bytes += text + "\n";
        expected += shown;
        if (text.find("ee") != std::string::npos || text.find("ff") != std::string::npos) {
            filtered += shown;
        }
    }
    bytes += "rest";
    Followed file(at_most);
    Followed found(at_most, LineFilter({"ee", "ff"}));
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t size = random() % longest;
        for (Followed* each : {&file, &found}) {
            each->write(std::string_view(bytes).substr(at, size));
            each->read();
        }
        at += size;
    }
    file.finish();
    found.finish();
    ASSERT_TRUE(file.take() == expected + "[p]:rest\n") << "seed " << seed;
    ASSERT_TRUE(found.take() == filtered) << "seed " << seed;
}

TEST(LineAssembler, shows_the_same_however_the_bytes_come) {
    for (unsigned seed = 0; seed < 200; ++seed) {
        shows_the_same(40, 1 + seed % 9, seed);
    }
    for (unsigned seed = 0; seed < 50; ++seed) {
        shows_the_same(2 * LineAssembler::kChunk, LineAssembler::kChunk, seed);
    }
}

}  // namespace
}  // namespace torchelastic::process
