// The loop, and connections over loopback.
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "net/connection.h"
#include "net/host.h"
#include "net/listener.h"
#include "net/loop.h"

namespace torchelastic::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Host, has_loopback_among_its_interfaces) {
    EXPECT_FALSE(host_name().empty());
    bool found = false;
    for (const Interface& each : interfaces()) {
        found |= each.loopback && each.address == "127.0.0.1";
    }
    EXPECT_TRUE(found);
}

TEST(Loop, runs_what_another_thread_posts) {
    Loop loop;
    Timer guard(loop);
    guard.arm(seconds(20), [] { FAIL() << "never posted"; });
    std::thread other([&] { loop.post([&] { loop.stop(); }); });
    loop.run();
    other.join();
}

TEST(Timer, fires_the_last_arm_only) {
    Loop loop;
    Timer timer(loop);
    int fired = 0;
    timer.arm(milliseconds(0), [&] { fired += 1; });
    timer.arm(milliseconds(1), [&] { fired += 10; });
    loop.run();
    EXPECT_EQ(fired, 10);
}

TEST(Timer, is_silent_once_destroyed) {
    Loop loop;
    bool fired = false;
    {
        Timer(loop).arm(milliseconds(0), [&] { fired = true; });
    }
    loop.run();
    EXPECT_FALSE(fired);
}

TEST(Readable, may_be_destroyed_by_its_own_handler) {
    Loop loop;
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    Fd writer(ends[1]);
    std::optional<Readable> readable;
    int calls = 0;
    readable.emplace(loop, Fd(ends[0]), [&](int) {
        ++calls;
        readable.reset();
    });
    ASSERT_EQ(::write(writer.get(), "x", 1), 1);
    loop.run();
    EXPECT_EQ(calls, 1);
}

TEST(Signals, come_as_events) {
    Loop loop;
    Signal seen;
    auto signals = Signals::open(loop, {SIGUSR1}, [&](const Signal& signal) {
        seen = signal;
        loop.stop();
    });
    ASSERT_TRUE(signals);
    ::sigqueue(::getpid(), SIGUSR1, {.sival_int = 7});
    loop.run();
    EXPECT_EQ(seen.number, SIGUSR1);
    EXPECT_EQ(seen.sender, ::getpid());
    EXPECT_EQ(seen.value, 7);
}

/// Two ends of one connection over loopback.
struct Pair {
    Loop loop;
    Timer guard{loop};
    std::optional<Listener> listener;
    std::optional<Connector> connector;
    std::optional<Connection> server;
    std::optional<Connection> client;

    explicit Pair(const std::string& address) {
        guard.arm(seconds(20), [this] {
            ADD_FAILURE() << "timed out";
            loop.stop();
        });
        auto open = Listener::open(loop, address, 0);
        if (!open) return;
        listener = std::move(*open);
        listener->start([this](Connection accepted) {
            server = std::move(accepted);
            ready();
        });
        connector.emplace(loop, Endpoint{address, listener->port()}, seconds(5),
                          [this](Result<Connection> result) {
                              ASSERT_TRUE(result) << result.error().text();
                              client = std::move(*result);
                              ready();
                          });
        loop.run();
    }
    void ready() {
        if (server && client) loop.stop();
    }
};

class Connections : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Families, Connections, testing::Values("127.0.0.1", "::1"),
                         [](const auto& each) { return each.index == 0 ? "v4" : "v6"; });

TEST_P(Connections, carry_more_than_the_kernel_buffers) {
    Pair pair(GetParam());
    ASSERT_TRUE(pair.server && pair.client);
    EXPECT_EQ(pair.client->peer(), pair.server->local());
    const std::string sent(32 << 20, 'x');
    std::size_t received = 0;
    pair.client->send(sent);
    EXPECT_GT(pair.client->unsent(), 0U);
    pair.client->close_when_sent(seconds(10));
    pair.client.reset();
    pair.server->start({.data = [&](std::string_view bytes) { received += bytes.size(); },
                        .closed =
                            [&](const std::string& why) {
                                EXPECT_EQ(why, "closed by peer");
                                pair.loop.stop();
                            }});
    pair.loop.run();
    EXPECT_EQ(received, sent.size());
}

TEST_P(Connections, may_be_dropped_by_their_own_handler) {
    Pair pair(GetParam());
    ASSERT_TRUE(pair.server && pair.client);
    pair.server->start({.data = [&](std::string_view) { pair.server.reset(); },
                        .closed = [](const std::string&) { FAIL(); }});
    pair.client->start(
        {.data = [](std::string_view) {}, .closed = [&](const std::string&) { pair.loop.stop(); }});
    pair.client->send("hello");
    pair.loop.run();
    EXPECT_FALSE(pair.server);
}

TEST(Connector, says_why_it_failed) {
    Loop loop;
    auto reserved = ReservedPort::open();
    ASSERT_TRUE(reserved);
    std::string why;
    Connector refused(loop, {"127.0.0.1", reserved->port()}, seconds(5),
                      [&](Result<Connection> result) { why = result.error().text(); });
    loop.run();
    EXPECT_EQ(why,
              "connect to 127.0.0.1:" + std::to_string(reserved->port()) + ": connection refused");
    Connector name(loop, {"no-number", 1}, seconds(5),
                   [&](Result<Connection> result) { why = result.error().text(); });
    loop.run();
    EXPECT_EQ(why, "connect to no-number:1: not a numeric address");
}

TEST(Listener, goes_on_once_there_are_descriptors_again) {
    Loop loop;
    auto listener = Listener::open(loop, "127.0.0.1", 0);
    ASSERT_TRUE(listener);
    Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(listener->port())};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit none = before;
    none.rlim_cur = 3;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    bool accepted = false;
    std::string starved;
    Timer relief(loop);
    listener->start(
        [&](const Connection&) {
            accepted = true;
            loop.stop();
        },
        [&](const Error& why) {
            starved += why.text();
            relief.arm(milliseconds(150), [&] { ::setrlimit(RLIMIT_NOFILE, &before); });
        });
    Timer guard(loop);
    guard.arm(seconds(20), [&] { loop.stop(); });
    loop.run();
    EXPECT_TRUE(accepted);
    EXPECT_EQ(starved, "accept a connection: too many open files") << "told once";
}

TEST(Listener, says_which_port_is_taken) {
    Loop loop;
    auto first = Listener::open(loop, "127.0.0.1", 0);
    ASSERT_TRUE(first);
    auto second = Listener::open(loop, "127.0.0.1", first->port());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().text(),
              "listen on 127.0.0.1:" + std::to_string(first->port()) + ": address already in use");
}

TEST(ReservedPort, lets_only_those_in_who_reuse_addresses) {
    auto reserved = ReservedPort::open();
    ASSERT_TRUE(reserved);
    Loop loop;
    EXPECT_TRUE(Listener::open(loop, "", reserved->port()));  // sets SO_REUSEADDR, as torch does
}

TEST(ReservedPort, is_the_one_that_was_asked_for_or_none) {
    Loop loop;
    auto listener = Listener::open(loop, "", 0);
    ASSERT_TRUE(listener);
    const auto taken = ReservedPort::open(listener->port());
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().text(),
              "reserve port " + std::to_string(listener->port()) + ": address already in use");
    const auto free = ReservedPort::open();
    ASSERT_TRUE(free);
    const auto same = ReservedPort::open(free->port());  // nobody listens there
    ASSERT_TRUE(same);
    EXPECT_EQ(same->port(), free->port());
}

}  // namespace
}  // namespace torchelastic::net
