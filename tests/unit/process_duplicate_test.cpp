#include <set>

#include "process_tee.h"

namespace torchelastic::process {
namespace {

struct Duplicating : Tee {
    std::string file(Shown what = Shown::out) const {
        return scratch.file(what == Shown::out ? "filtered_out" : "filtered_err");
    }
    void duplicate(const std::vector<std::string>& needles, Shown what = Shown::out) {
        const auto made = output->duplicate(what, file(what), needles);
        ASSERT_TRUE(made) << made.error().text();
    }

    std::vector<std::string> warnings;
    OutputHandlers handlers{[this](const std::string& line) { warnings.push_back(line); }, nullptr};
};

TEST(Duplicate, gathers_lines_of_all_workers) {
    Duplicating tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), 2));
    tee.duplicate({"loss", "lr"});
    tee.append(0, "hello\nloss 1\n");
    tee.append(1, "lr 2\nbye\nloss");
    tee.follow(0);
    tee.follow(1);
    EXPECT_TRUE(tee.finish());
    EXPECT_EQ(read_file(tee.file()), "[0]:loss 1\n[1]:lr 2\n[1]:loss\n");
    LineReader screen(std::move(out.read));
    std::multiset<std::string> shown;
    for (int line = 0; line < 5; ++line) {
        shown.insert(screen.line());
    }
    EXPECT_EQ(shown, (std::multiset<std::string>{"[0]:hello", "[0]:loss 1", "[1]:bye", "[1]:loss",
                                                 "[1]:lr 2"}));
}

TEST(Duplicate, keeps_streams_apart) {
    Duplicating tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), out.write.get()));
    tee.duplicate({""}, Shown::err);
    tee.append(0, "to out\n");
    tee.append(1, "to err\n");
    tee.follow(0, Shown::out);
    tee.follow(1, Shown::err);
    EXPECT_TRUE(tee.finish());
    EXPECT_EQ(read_file(tee.file(Shown::err)), "[1]:to err\n");
    EXPECT_FALSE(std::filesystem::exists(tee.file(Shown::out)));
}

TEST(Duplicate, makes_its_file_without_anything_to_copy) {
    Duplicating tee;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, 9999, 9999));
    tee.duplicate({"needle"});
    EXPECT_TRUE(tee.finish());
    EXPECT_TRUE(std::filesystem::exists(tee.file()));
}

TEST(Duplicate, goes_on_without_a_console) {
    Duplicating tee;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, 9999, 9999));
    tee.duplicate({"needle"});
    tee.follow(0);
    std::string expected;
    for (int i = 0; i < 10'000; ++i) {
        const std::string line = "a needle, " + std::to_string(i) + "\n";
        tee.append(0, line);
        expected += "[0]:" + line;
    }
    EXPECT_TRUE(tee.finish());
    EXPECT_TRUE(read_file(tee.file()) == expected);
}

TEST(Duplicate, ends_with_its_round) {
    Duplicating tee;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, 9999, 9999));
    tee.duplicate({""});
    tee.append(0, "first\n");
    tee.follow(0);
    EXPECT_TRUE(tee.finish());
    tee.append(1, "second\n");
    tee.follow(1);
    EXPECT_TRUE(tee.finish());
    EXPECT_EQ(read_file(tee.file()), "[0]:first\n");
}

TEST(Duplicate, says_which_file_it_cannot_make) {
    Duplicating tee;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, 9999, 9999));
    const auto made = tee.output->duplicate(Shown::out, "/nowhere/filtered.log", {""});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().text(), "make /nowhere/filtered.log: no such file or directory");
}

TEST(Duplicate, says_once_that_its_disk_is_full_and_holds_up_nobody) {
    Duplicating tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), 2), tee.handlers);
    ASSERT_TRUE(tee.output->duplicate(Shown::out, "/dev/full", {""}));
    tee.append(0, "words\n");
    tee.follow(0);
    LineReader screen(std::move(out.read));
    std::thread user([&] {
        EXPECT_EQ(screen.line(), "[0]:words");
        tee.append(0, "more words\n");
        EXPECT_EQ(screen.line(), "[0]:more words");
        tee.loop.post([&] { tee.loop.stop(); });
    });
    tee.run();
    user.join();
    EXPECT_TRUE(tee.finish(std::chrono::hours(1)));
    ASSERT_EQ(tee.warnings.size(), 1U);
    EXPECT_NE(tee.warnings[0].find("/dev/full"), std::string::npos) << tee.warnings[0];
}

}  // namespace
}  // namespace torchelastic::process
