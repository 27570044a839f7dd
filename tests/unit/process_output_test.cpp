#include <map>

#include "process/child.h"
#include "process_tee.h"

namespace torchelastic::process {
namespace {

TEST(Output, shows_lines_as_they_become_whole) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), 2));
    tee.follow(0);
    LineReader screen(std::move(out.read));
    std::thread user([&] {
        tee.append(0, "half a ");
        tee.append(0, "line\nanother");
        EXPECT_EQ(screen.line(), "[0]:half a line");
        tee.append(0, "\n");
        EXPECT_EQ(screen.line(), "[0]:another");
        tee.loop.post([&] { tee.loop.stop(); });
    });
    tee.run();
    user.join();
}

TEST(Output, gives_the_last_line_its_newline_and_keeps_streams_apart) {
    Tee tee;
    Pipe out;
    Pipe err;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), err.write.get()));
    tee.follow(0, Shown::out);
    tee.follow(1, Shown::err);
    tee.append(0, "to out");
    tee.append(1, "to err");
    EXPECT_TRUE(tee.finish());
    EXPECT_EQ(LineReader(std::move(out.read)).line(), "[0]:to out");
    EXPECT_EQ(LineReader(std::move(err.read)).line(), "[1]:to err");
}

TEST(Output, shows_the_last_words_of_a_worker_that_was_killed) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), 2));
    auto child = Child::start(tee.loop, *tee.reaper,
                              shell("printf 'one\\nlast words without an end'; kill -9 $$"),
                              {Stdio::In::null, Stream::file(tee.path(0)), {}},
                              [&](ExitStatus, WallTime) { tee.loop.stop(); });
    ASSERT_TRUE(child);
    tee.follow(0);
    tee.run();
    EXPECT_TRUE(tee.finish());
    LineReader screen(std::move(out.read));
    EXPECT_EQ(screen.line(), "[0]:one");
    EXPECT_EQ(screen.line(), "[0]:last words without an end");
}

TEST(Output, neither_splits_nor_mixes_nor_loses_lines_of_two_workers) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), 2));
    Screen screen(std::move(out.read));
    // Each line is written in two pieces.
    const std::string script =
        "i=0; while [ $i -lt 3000 ]; do printf \"line $i of\"; printf \" $0\\n\"; i=$((i+1)); done";
    std::vector<Child> children;
    int left = 2;
    for (int rank = 0; rank < 2; ++rank) {
        Command command = shell(script);
        command.argv.push_back(std::to_string(rank));
        children.push_back(*Child::start(tee.loop, *tee.reaper, command,
                                         {Stdio::In::null, Stream::file(tee.path(rank)), {}},
                                         [&](ExitStatus, WallTime) {
                                             if (--left == 0) tee.loop.stop();
                                         }));
        tee.follow(rank);
    }
    tee.run();
    EXPECT_TRUE(tee.finish());
    tee.output.reset();
    out.write.reset();
    std::map<std::string, int> next;
    std::istringstream lines(screen.text());
    for (std::string line; std::getline(lines, line);) {
        const std::string rank = line.substr(1, 1);
        ASSERT_EQ(line, "[" + rank + "]:line " + std::to_string(next[rank]++) + " of " + rank);
    }
    EXPECT_EQ(next["0"], 3000);
    EXPECT_EQ(next["1"], 3000);
}

TEST(Output, looks_now_and_then_where_inotify_has_no_instance_left) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), 2));
    tee.append(0, "before\n");
    {
        const FewDescriptors only_the_file(1);
        const auto followed = tee.output->follow(tee.path(0), Shown::out, "[0]:");
        ASSERT_TRUE(followed) << followed.error().text();
    }
    LineReader screen(std::move(out.read));
    std::thread user([&] {
        EXPECT_EQ(screen.line(), "[0]:before");
        tee.append(0, "after\n");
        EXPECT_EQ(screen.line(), "[0]:after");
        tee.loop.post([&] { tee.loop.stop(); });
    });
    tee.run();
    user.join();
    tee.append(0, "end");
    EXPECT_TRUE(tee.finish());
    EXPECT_EQ(screen.line(), "[0]:end");
}

TEST(Output, begins_again_with_a_file_that_the_worker_emptied) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), 2));
    tee.append(0, "before\n");
    tee.follow(0);
    LineReader screen(std::move(out.read));
    std::thread user([&] {
        EXPECT_EQ(screen.line(), "[0]:before");
        std::ofstream(tee.path(0), std::ios::trunc) << "new\n";
        EXPECT_EQ(screen.line(), "[0]:new");
        tee.loop.post([&] { tee.loop.stop(); });
    });
    tee.run();
    user.join();
}

TEST(Output, says_that_files_grow) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), 2),
                       OutputHandlers{nullptr, [&] { tee.loop.stop(); }});
    tee.append(0, "words\n");
    tee.follow(0);
    tee.run();
    EXPECT_TRUE(tee.finish());
}

TEST(Output, serves_one_round_after_another) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), out.write.get()));
    LineReader screen(Fd(::dup(out.read.get())));
    for (int round = 0; round < 3; ++round) {
        tee.append(round, "round " + std::to_string(round));
        tee.follow(round, round % 2 == 0 ? Shown::out : Shown::err);
        EXPECT_TRUE(tee.finish());
        const std::string n = std::to_string(round);
        EXPECT_EQ(screen.line(), "[" + n + "]:round " + n);
    }
    EXPECT_TRUE(tee.finish());  // of nothing
}

TEST(Output, may_be_destroyed_when_it_is_done) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), 2));
    tee.append(0, "words\n");
    tee.follow(0);
    tee.output->finish(seconds(20), [&](bool) {
        tee.output.reset();
        tee.loop.stop();
    });
    tee.run();
    EXPECT_FALSE(tee.output);
}

TEST(Output, says_which_file_it_cannot_follow) {
    Tee tee;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop));
    const auto followed = tee.output->follow("/nowhere/log", Shown::out, "");
    ASSERT_FALSE(followed);
    EXPECT_EQ(followed.error().text(), "follow /nowhere/log: no such file or directory");
}

}  // namespace
}  // namespace torchelastic::process
