#include "process/child.h"
#include "process/worker_pipe.h"
#include "process_tee.h"

namespace torchelastic::process {
namespace {

/// A console, and pipes that are shown on it.
struct Piped : Tee {
    Piped() { output.emplace(loop, Consoles::of(loop, console.write.get(), console.write.get())); }

    Fd pipe(Shown where = Shown::out) {
        const auto made = output->pipe(where);
        EXPECT_TRUE(made);
        Fd own(::fcntl(*made, F_DUPFD_CLOEXEC, 3));
        output->hand_over();
        return own;
    }

    /// What the console has got, when nothing is left to come.
    std::string rest() {
        output.reset();
        console.write.reset();
        return Screen(std::move(console.read)).text();
    }

    /// Lets the loop run until a line is on the console.
    std::string line() {
        std::string text;
        std::thread user([&] {
            text = screen.line();
            loop.post([&] { loop.stop(); });
        });
        run();
        user.join();
        return text;
    }

    Pipe console;
    LineReader screen{Fd(::dup(console.read.get()))};
};

void say(const Fd& fd, std::string_view words) {
    ASSERT_EQ(::write(fd.get(), words.data(), words.size()), static_cast<ssize_t>(words.size()));
}

TEST(WorkerPipe, shows_whole_lines_of_several) {
    Piped piped;
    const Fd one = piped.pipe();
    const Fd two = piped.pipe(Shown::err);
    say(one, "half a ");
    say(two, "another\n");
    EXPECT_EQ(piped.line(), "another");
    say(one, "line\n");
    EXPECT_EQ(piped.line(), "half a line");
}

TEST(WorkerPipe, keeps_the_order_of_two_streams) {
    Piped piped;
    const Fd out = piped.pipe(Shown::out);
    const Fd err = piped.pipe(Shown::err);
    for (int i = 0; i < 4; ++i) {
        say(i % 2 == 0 ? err : out, "first\n");
        say(i % 2 == 0 ? out : err, "second\n");
        EXPECT_EQ(piped.line(), "first");
        EXPECT_EQ(piped.line(), "second");
    }
}

TEST(WorkerPipe, shows_what_nobody_ends_and_parts_it_from_what_others_say) {
    Piped piped;
    const Fd one = piped.pipe();
    Fd two = piped.pipe();
    say(one, "name? ");
    char shown[6];
    std::thread user([&] {
        EXPECT_EQ(::read(piped.console.read.get(), shown, sizeof shown), 6);
        piped.loop.post([&] { piped.loop.stop(); });
    });
    piped.run();
    user.join();
    EXPECT_EQ(std::string_view(shown, sizeof shown), "name? ");
    say(two, "words\n");
    EXPECT_EQ(piped.line(), "");
    EXPECT_EQ(piped.line(), "words");
    say(one, "me\n");
    EXPECT_EQ(piped.line(), "me");
    say(two, "last words");
    two.reset();
    EXPECT_TRUE(piped.finish());
    EXPECT_EQ(piped.rest(), "last words\n");
}

TEST(WorkerPipe, ends_although_someone_keeps_it_open) {
    Piped piped;
    const Fd kept = piped.pipe();
    say(kept, "all that there is");
    EXPECT_TRUE(piped.finish());
    EXPECT_EQ(piped.rest(), "all that there is\n");
}

TEST(WorkerPipe, lets_the_writer_wait_for_the_console) {
    Piped piped;
    Fd pipe = piped.pipe();
    ::fcntl(pipe.get(), F_SETFL, O_NONBLOCK);
    const std::string line = std::string(999, 'x') + "\n";
    std::size_t written = 0;
    // Until it takes no more although the loop has come to rest.
    for (int quiet = 0; quiet < 20; ++quiet) {
        while (::write(pipe.get(), line.data(), line.size()) > 0) {
            written += line.size();
            quiet = 0;
        }
        piped.loop.post([&] { piped.loop.post([&] { piped.loop.stop(); }); });
        piped.run();
    }
    EXPECT_LT(written, 4 * 64 * 1024U);
    pipe.reset();
    Screen screen(Fd(::dup(piped.console.read.get())));
    EXPECT_TRUE(piped.finish());
    piped.output.reset();
    piped.console.write.reset();
    piped.console.read.reset();
    EXPECT_EQ(screen.text().size(), written);
}

TEST(WorkerPipe, is_waited_for_until_someone_is_in_a_hurry) {
    Piped piped;
    Fd pipe = piped.pipe();
    ::fcntl(pipe.get(), F_SETFL, O_NONBLOCK);
    const std::string much(64UL * 1024, '\n');
    for (int i = 0; i < 4; ++i) {
        static_cast<void>(::write(pipe.get(), much.data(), much.size()));
        piped.loop.post([&] { piped.loop.post([&] { piped.loop.stop(); }); });
        piped.run();
    }
    net::Timer later(piped.loop);
    bool hurried = false;
    later.arm(milliseconds(50), [&] {
        hurried = true;
        piped.output->hurry();
    });
    EXPECT_FALSE(piped.finish(milliseconds(5)));
    EXPECT_TRUE(hurried);
}

TEST(WorkerPipe, breaks_when_the_console_is_closed) {
    Piped piped;
    const Fd pipe = piped.pipe();
    piped.screen = LineReader(Fd());
    piped.console.read.reset();
    say(pipe, "words\n");
    EXPECT_TRUE(piped.finish());
    EXPECT_LT(::write(pipe.get(), "more", 4), 0);
    EXPECT_EQ(errno, EPIPE);
}

TEST(WorkerPipe, is_a_programs_stdout) {
    Piped piped;
    const auto made = piped.output->pipe(Shown::out);
    ASSERT_TRUE(made);
    auto child = Child::start(piped.loop, *piped.reaper, shell("echo one; printf two; kill -9 $$"),
                              {Stdio::In::null, Stream::open(*made), Stream::null()},
                              [&](ExitStatus, WallTime) { piped.loop.stop(); });
    ASSERT_TRUE(child);
    piped.output->hand_over();
    piped.run();
    EXPECT_TRUE(piped.finish());
    EXPECT_EQ(piped.rest(), "one\ntwo\n");
}

TEST(Sink, puts_words_of_ours_between_lines) {
    Pipe console;
    net::Loop loop;
    const auto sink = std::make_shared<Sink>(loop, console.write.get(), "console");
    Output output(loop, {sink, sink});
    const auto pipe = output.pipe(Shown::out);
    ASSERT_TRUE(pipe);
    const Fd worker(::fcntl(*pipe, F_DUPFD_CLOEXEC, 3));
    output.hand_over();
    say(worker, "a line\n50%");
    LineReader screen(std::move(console.read));
    std::thread user([&] {
        EXPECT_EQ(screen.line(), "a line");
        loop.post([&] {
            sink->say("a warning\n");
            sink->say("and more\n");
            output.finish(seconds(5), [&](bool) { loop.stop(); });
        });
        EXPECT_EQ(screen.line(), "a warning");
        EXPECT_EQ(screen.line(), "and more");
        EXPECT_EQ(screen.line(), "50%");
    });
    loop.run();
    user.join();
}

TEST(Sink, keeps_words_of_ours_while_nobody_reads_and_says_what_was_dropped) {
    Pipe console;
    net::Loop loop;
    auto sink = std::make_shared<Sink>(loop, console.write.get(), "console");
    const std::string line = std::string(999, 'x') + "\n";
    for (int i = 0; i < 2000; ++i) {
        sink->say(line);
    }
    EXPECT_TRUE(sink->unsaid());
    Screen screen(std::move(console.read));
    sink->attend({[&] { loop.stop(); }, nullptr});
    loop.run();
    EXPECT_FALSE(sink->unsaid());
    sink.reset();
    console.write.reset();
    const std::string text = screen.text();
    EXPECT_GT(text.size(), 1'000'000U);
    EXPECT_NE(text.find("bytes of messages found no reader\n"), std::string::npos);
}

}  // namespace
}  // namespace torchelastic::process
