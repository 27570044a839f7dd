#include <sys/resource.h>
#include <sys/socket.h>

#include <map>
#include <random>
#include <thread>

#include "process/child.h"
#include "process/console.h"
#include "process/output.h"
#include "process_fixture.h"

namespace torchelastic::process {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Shown = Output::Shown;

struct Pipe {
    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
        read = Fd(ends[0]);
        write = Fd(ends[1]);
    }
    Fd read;
    Fd write;
};

/// Reads a console to its end, on a thread of its own, as a terminal or a pipe's reader does.
class Screen {
public:
    explicit Screen(Fd fd) : thread_([this, fd = std::move(fd)] { read(fd.get()); }) {}
    ~Screen() {
        if (thread_.joinable()) thread_.join();
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    /// All that was shown, when all writers have closed.
    std::string text() {
        thread_.join();
        return text_;
    }

private:
    void read(int fd) {
        char bytes[65536];
        for (ssize_t got = 0; (got = ::read(fd, bytes, sizeof bytes)) > 0;) {
            text_.append(bytes, static_cast<std::size_t>(got));
        }
    }

    std::string text_;
    std::thread thread_;
};

struct Tee : World {
    std::string path(int rank) const { return scratch.file(std::to_string(rank)); }
    void append(int rank, std::string_view bytes) const {
        std::ofstream(path(rank), std::ios::binary | std::ios::app) << bytes;
    }
    void follow(int rank, Shown where = Shown::out) {
        append(rank, "");
        const auto followed = output->follow(path(rank), where, "[" + std::to_string(rank) + "]:");
        ASSERT_TRUE(followed) << followed.error().text();
    }
    bool finish(Duration limit = seconds(20)) {
        bool complete = false;
        output->finish(limit, [&](bool all) {
            complete = all;
            loop.stop();
        });
        run();
        return complete;
    }

    const Scratch scratch;
    std::optional<Output> output;
};

TEST(Output, shows_lines_as_they_become_whole) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, out.write.get(), 2);
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
    tee.output.emplace(tee.loop, out.write.get(), err.write.get());
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
    tee.output.emplace(tee.loop, out.write.get(), 2);
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
    tee.output.emplace(tee.loop, out.write.get(), 2);
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

/// Lets this process open only so many more descriptors.
class FewDescriptors {
public:
    explicit FewDescriptors(rlim_t more) {
        const Fd next(::dup(0));
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const rlimit few{static_cast<rlim_t>(next.get()) + more, before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &few);
    }
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    FewDescriptors(const FewDescriptors&) = delete;
    FewDescriptors& operator=(const FewDescriptors&) = delete;

private:
    rlimit before_ = {};
};

TEST(Output, looks_now_and_then_where_inotify_has_no_instance_left) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, out.write.get(), 2);
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

/// Ten million bytes, no text, in lines of all lengths; and what should be shown of them.
std::pair<std::string, std::string> much() {
    std::mt19937 random(11);
    std::string bytes;
    std::string shown;
    while (bytes.size() < 10'000'000) {
        std::string line(random() % 3 == 0 ? random() % 70'000 : random() % 200, '\0');
        for (char& byte : line) {
            byte = static_cast<char>(random());
            if (byte == '\n') byte = '\r';
        }
        line += '\n';
        bytes += line;
        shown += "[0]:" + line;
    }
    return {bytes, shown};
}

/// What a console of one kind receives of much().
void passes_much(Fd write, Fd read, bool may_open_again = true) {
    Tee tee;
    {
        std::optional<FewDescriptors> none;
        if (!may_open_again) none.emplace(0);
        tee.output.emplace(tee.loop, write.get(), 2);
    }
    Screen screen(std::move(read));
    const auto [bytes, shown] = much();
    tee.follow(0);
    std::thread writer([&tee, &all = bytes] {
        for (std::size_t at = 0; at < all.size(); at += 777'777) {
            tee.append(0, std::string_view(all).substr(at, 777'777));
        }
        tee.loop.post([&] { tee.loop.stop(); });
    });
    tee.run();
    writer.join();
    EXPECT_TRUE(tee.finish());
    tee.output.reset();
    write.reset();
    EXPECT_TRUE(screen.text() == shown) << "bytes were changed, lost or added";
}

TEST(Output, passes_ten_megabytes_through_a_pipe_byte_by_byte) {
    Pipe pipe;
    passes_much(std::move(pipe.write), std::move(pipe.read));
}

TEST(Output, passes_ten_megabytes_through_a_pipe_that_cannot_be_opened_again) {
    Pipe pipe;
    passes_much(std::move(pipe.write), std::move(pipe.read), false);
}

TEST(Output, passes_ten_megabytes_through_a_socket_byte_by_byte) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    passes_much(Fd(ends[0]), Fd(ends[1]));
}

TEST(Output, passes_ten_megabytes_into_a_file_byte_by_byte) {
    Tee tee;
    Fd file(::open(tee.path(1).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(::write(file.get(), "before\n", 7), 7);  // the shell's offset is ours too
    tee.output.emplace(tee.loop, file.get(), file.get());
    const auto [bytes, shown] = much();
    tee.append(0, bytes);
    tee.follow(0);
    EXPECT_TRUE(tee.finish());
    EXPECT_TRUE(read_file(tee.path(1)) == "before\n" + shown);
}

TEST(Output, never_makes_the_callers_descriptor_non_blocking) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, out.write.get(), 2);
    tee.append(0, std::string(1'000'000, 'x') + "\n");
    tee.follow(0);
    EXPECT_FALSE(tee.finish(milliseconds(50)));  // nobody reads
    EXPECT_EQ(::fcntl(out.write.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(Output, does_not_wait_for_a_console_that_takes_nothing) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, out.write.get(), 2);
    for (int rank = 0; rank < 3; ++rank) {
        tee.append(rank, std::string(300'000, 'x') + "\n");
        tee.follow(rank);
    }
    bool ticked = false;
    net::Timer tick(tee.loop);
    tick.arm(milliseconds(20), [&] { ticked = true; });
    EXPECT_FALSE(tee.finish(milliseconds(100)));
    EXPECT_TRUE(ticked);
    EXPECT_EQ(read_file(tee.path(0)).size(), 300'001U);
}

TEST(Output, goes_on_when_a_slow_console_takes_more) {
    Tee tee;
    Pipe out;
    ASSERT_GT(::fcntl(out.write.get(), F_SETPIPE_SZ, 4096), 0);
    tee.output.emplace(tee.loop, out.write.get(), 2);
    const std::string line(100'000, 'x');
    tee.append(0, line + "\n" + line);
    tee.follow(0);
    Screen screen(std::move(out.read));
    EXPECT_TRUE(tee.finish());
    tee.output.reset();
    out.write.reset();
    EXPECT_EQ(screen.text(), "[0]:" + line + "\n[0]:" + line + "\n");
}

TEST(Output, is_silent_when_the_console_is_closed) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, out.write.get(), 2);
    tee.append(0, "words\n");
    tee.follow(0);
    out.read.reset();
    EXPECT_TRUE(tee.finish());
    tee.follow(0);
    EXPECT_TRUE(tee.finish());
}

TEST(Output, is_silent_where_there_never_was_a_console) {
    Tee tee;
    tee.output.emplace(tee.loop, 9999, 9999);
    tee.append(0, "words\n");
    tee.follow(0);
    EXPECT_TRUE(tee.finish());
}

TEST(Output, waits_for_room_on_a_full_disk) {
    const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    if (!full) GTEST_SKIP() << "no /dev/full here";
    Tee tee;
    tee.output.emplace(tee.loop, full.get(), full.get());
    tee.append(0, "words\n");
    tee.follow(0);
    EXPECT_FALSE(tee.finish(milliseconds(250)));
}

TEST(Output, begins_again_with_a_file_that_the_worker_emptied) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, out.write.get(), 2);
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

TEST(Output, serves_one_round_after_another) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, out.write.get(), out.write.get());
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
    tee.output.emplace(tee.loop, out.write.get(), 2);
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
    tee.output.emplace(tee.loop);
    const auto followed = tee.output->follow("/nowhere/log", Shown::out, "");
    ASSERT_FALSE(followed);
    EXPECT_EQ(followed.error().text(), "follow /nowhere/log: no such file or directory");
}

TEST(Console, knows_two_ways_to_the_same_place) {
    const Pipe one;
    const Pipe other;
    const Fd again(::dup(one.write.get()));
    EXPECT_TRUE(Console::same(one.write.get(), again.get()));
    EXPECT_FALSE(Console::same(one.write.get(), other.write.get()));
    EXPECT_FALSE(Console::same(one.write.get(), 9999));
}

}  // namespace
}  // namespace torchelastic::process
