#include <sys/socket.h>

#include <random>

#include "process/console.h"
#include "process_tee.h"

namespace torchelastic::process {
namespace {

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
        tee.output.emplace(tee.loop, Consoles::of(tee.loop, write.get(), 2));
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

TEST(Console, passes_ten_megabytes_through_a_pipe_byte_by_byte) {
    Pipe pipe;
    passes_much(std::move(pipe.write), std::move(pipe.read));
}

TEST(Console, passes_ten_megabytes_through_a_pipe_that_cannot_be_opened_again) {
    Pipe pipe;
    passes_much(std::move(pipe.write), std::move(pipe.read), false);
}

TEST(Console, passes_ten_megabytes_through_a_socket_byte_by_byte) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    passes_much(Fd(ends[0]), Fd(ends[1]));
}

TEST(Console, passes_ten_megabytes_into_a_file_byte_by_byte) {
    Tee tee;
    Fd file(::open(tee.path(1).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(::write(file.get(), "before\n", 7), 7);  // the shell's offset is ours too
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, file.get(), file.get()));
    const auto [bytes, shown] = much();
    tee.append(0, bytes);
    tee.follow(0);
    EXPECT_TRUE(tee.finish());
    EXPECT_TRUE(read_file(tee.path(1)) == "before\n" + shown);
}

TEST(Console, never_makes_the_callers_descriptor_non_blocking) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), 2));
    tee.append(0, std::string(1'000'000, 'x') + "\n");
    tee.follow(0);
    EXPECT_FALSE(tee.finish(milliseconds(50)));  // nobody reads
    EXPECT_EQ(::fcntl(out.write.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(Console, does_not_wait_for_a_console_that_takes_nothing) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), 2));
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

TEST(Console, goes_on_when_a_slow_console_takes_more) {
    Tee tee;
    Pipe out;
    ASSERT_GT(::fcntl(out.write.get(), F_SETPIPE_SZ, 4096), 0);
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), 2));
    const std::string line(100'000, 'x');
    tee.append(0, line + "\n" + line);
    tee.follow(0);
    Screen screen(std::move(out.read));
    EXPECT_TRUE(tee.finish());
    tee.output.reset();
    out.write.reset();
    EXPECT_EQ(screen.text(), "[0]:" + line + "\n[0]:" + line + "\n");
}

TEST(Console, is_silent_when_the_console_is_closed) {
    Tee tee;
    Pipe out;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, out.write.get(), 2));
    tee.append(0, "words\n");
    tee.follow(0);
    out.read.reset();
    EXPECT_TRUE(tee.finish());
    tee.follow(0);
    EXPECT_TRUE(tee.finish());
}

TEST(Console, is_silent_where_there_never_was_a_console) {
    Tee tee;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, 9999, 9999));
    tee.append(0, "words\n");
    tee.follow(0);
    EXPECT_TRUE(tee.finish());
}

TEST(Console, waits_for_room_on_a_full_disk) {
    const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    if (!full) GTEST_SKIP() << "no /dev/full here";
    Tee tee;
    tee.output.emplace(tee.loop, Consoles::of(tee.loop, full.get(), full.get()));
    tee.append(0, "words\n");
    tee.follow(0);
    EXPECT_FALSE(tee.finish(milliseconds(250)));
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
