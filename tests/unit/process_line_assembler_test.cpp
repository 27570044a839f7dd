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
    explicit Followed(std::size_t at_most = LineAssembler::kChunk) : at_most_(at_most) {}

    void write(std::string_view bytes) { file_ += bytes; }
    void empty() { file_.clear(); }

    /// Lets the assembler have what is there, in reads of a limited size.
    void read() {
        for (;;) {
            const auto want = lines_.next();
            EXPECT_LE(want.size, LineAssembler::kChunk);
            std::string bytes;
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
    std::string& shown() { return shown_; }

private:
    std::string file_;
    std::string shown_;
    std::size_t at_most_;
    LineAssembler lines_{"[p]:"};
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

TEST(LineAssembler, shows_the_same_however_the_bytes_come) {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        std::string bytes;
        std::string expected;
        for (int line = 0; line < 20; ++line) {
            const std::string text(random() % 50, static_cast<char>('a' + line));
            bytes += text + "\n";
            expected += "[p]:" + text + "\n";
        }
        bytes += "rest";
        expected += "[p]:rest\n";
        Followed file(1 + random() % 9);
        for (std::size_t at = 0; at < bytes.size();) {
            const std::size_t size = random() % 40;
            file.write(std::string_view(bytes).substr(at, size));
            at += size;
            file.read();
        }
        file.finish();
        ASSERT_EQ(file.take(), expected) << "round " << round;
    }
}

}  // namespace
}  // namespace torchelastic::process
