// Listening in a range of ports, some of which are taken.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <set>

#include <gtest/gtest.h>

#include "net/listener.h"
#include "net/port_range.h"

namespace torchelastic::net {
namespace {

Result<std::uint16_t> itself(std::uint16_t port) {
    return port;
}

/// Neighbouring ports, all free a moment ago; others than those of the tests that run beside this
/// one, which are processes with neighbouring numbers.
std::uint16_t free_ports(Loop& loop, std::uint16_t size) {
    constexpr int kMost = 8;
    auto first = static_cast<std::uint16_t>(20000 + ::getpid() % 1000 * kMost);
    for (;; first = static_cast<std::uint16_t>(first + 1000 * kMost)) {
        std::uint16_t i = 0;
        while (i < size && Listener::open(loop, "", static_cast<std::uint16_t>(first + i)))
            ++i;
        if (i == size) return first;
    }
}

TEST(PortRange, goes_round_all_its_ports) {
    Loop loop;
    const std::uint16_t first = free_ports(loop, 3);
    PortRange range({first, static_cast<std::uint16_t>(first + 2)});
    for (int round = 0; round < 3; ++round) {
        std::set<std::uint16_t> seen;
        for (int i = 0; i < 3; ++i)
            seen.insert(*range.open(itself));
        EXPECT_EQ(seen.size(), 3);
        EXPECT_EQ(*seen.begin(), first);
        EXPECT_EQ(*seen.rbegin(), first + 2);
    }
}

TEST(PortRange, ends_at_the_last_port_there_is) {
    PortRange range({65535, 65535});
    EXPECT_EQ(*range.open(itself), 65535);
    EXPECT_EQ(*range.open(itself), 65535);
}

TEST(PortRange, passes_over_what_others_listen_on) {
    Loop loop;
    const std::uint16_t first = free_ports(loop, 2);
    const auto taken = Listener::open(loop, "", first);
    ASSERT_TRUE(taken);
    PortRange range({first, static_cast<std::uint16_t>(first + 1)});
    for (int i = 0; i < 4; ++i) {
        const auto found =
            range.open([&](std::uint16_t port) { return Listener::open(loop, "", port); });
        ASSERT_TRUE(found) << found.error().text();
        EXPECT_EQ(found->port(), first + 1);
    }
}

TEST(PortRange, leaves_alone_what_another_job_has_reserved) {
    Loop loop;
    const std::uint16_t first = free_ports(loop, 2);
    const auto reserved = ReservedPort::open(first);
    ASSERT_TRUE(reserved);
    PortRange range({first, static_cast<std::uint16_t>(first + 1)});
    for (int i = 0; i < 4; ++i) {
        const auto listener =
            range.open([&](std::uint16_t port) { return Listener::open(loop, "", port); });
        ASSERT_TRUE(listener);
        EXPECT_EQ(listener->port(), first + 1);
    }
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(range.open(ReservedPort::open)->port(), first + 1);
}

TEST(PortRange, of_one_port_can_be_had_again_while_its_last_connections_linger) {
    Loop loop;
    const std::uint16_t port = free_ports(loop, 1);
    PortRange range({port, port});
    {
        auto listener =
            range.open([&](std::uint16_t each) { return Listener::open(loop, "", each); });
        ASSERT_TRUE(listener) << listener.error().text();
        const Fd client(::socket(AF_INET6, SOCK_STREAM, 0));
        sockaddr_in6 there{};
        there.sin6_family = AF_INET6;
        there.sin6_addr = in6addr_loopback;
        there.sin6_port = htons(port);
        ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&there), sizeof there), 0);
        std::optional<Connection> accepted;
        listener->start([&](Connection connection) {
            accepted.emplace(std::move(connection));
            loop.stop();
        });
        loop.run();
        accepted.reset();  // who closes first is left with TIME_WAIT
    }
    const auto again =
        range.open([&](std::uint16_t each) { return Listener::open(loop, "", each); });
    EXPECT_TRUE(again) << again.error().text();
}

TEST(PortRange, that_is_full_says_so) {
    Loop loop;
    const std::uint16_t first = free_ports(loop, 2);
    const auto one = Listener::open(loop, "", first);
    const auto two = Listener::open(loop, "", static_cast<std::uint16_t>(first + 1));
    PortRange range({first, static_cast<std::uint16_t>(first + 1)});
    const auto none =
        range.open([&](std::uint16_t port) { return Listener::open(loop, "127.0.0.1", port); });
    ASSERT_FALSE(none);
    const std::string name = std::to_string(first) + "-" + std::to_string(first + 1);
    EXPECT_TRUE(none.error().text().starts_with(
        "no port of --port-range=" + name +
        " is free (name a wider range, or end what holds them): listen on 127.0.0.1:"))
        << none.error().text();
}

}  // namespace
}  // namespace torchelastic::net
