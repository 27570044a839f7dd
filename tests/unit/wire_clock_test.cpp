// Clocks of two nodes, measured over ways of any length.
#include <limits>

#include <gtest/gtest.h>

#include "wire/clock.h"

namespace torchelastic::wire {
namespace {

constexpr std::int64_t kStart = 1'795'159'681'000'000;

/// Two nodes that ping each other in virtual time.
struct Pair {
    std::int64_t own() const { return kStart + now; }
    std::int64_t theirs() const { return kStart + now + skew; }

    /// One ping there and, after `pause`, one back.
    void exchange(std::int64_t there, std::int64_t pause, std::int64_t back) {
        const Ping ping = us.ping(own());
        now += there;
        them.hear(ping, theirs());
        now += pause;
        const Ping answer = them.ping(theirs());
        now += back;
        us.hear(answer, own());
    }

    std::int64_t skew;
    std::int64_t now = 0;
    PeerClock us{};
    PeerClock them{};
};

TEST(PeerClock, measures_what_the_clocks_differ_by) {
    for (const std::int64_t skew : {0LL, 1LL, -250'000LL, 3'600'000'000LL, -86'400'000'000LL}) {
        Pair pair{.skew = skew};
        pair.exchange(80, 1'000'000, 80);
        const auto offset = pair.us.offset();
        ASSERT_TRUE(offset);
        EXPECT_EQ(offset->us, skew);
        EXPECT_EQ(offset->error, 81);
    }
}

TEST(PeerClock, is_never_further_off_than_it_says) {
    for (const std::int64_t back : {0, 10, 5'000, 300'000}) {
        Pair pair{.skew = 777};
        pair.exchange(200, 40, back);
        const auto offset = pair.us.offset();
        ASSERT_TRUE(offset);
        EXPECT_LE(std::abs(offset->us - 777), offset->error) << back;
    }
}

TEST(PeerClock, believes_the_shortest_way_of_the_last_eight) {
    Pair pair{.skew = 5'000};
    pair.exchange(100, 0, 100);
    pair.exchange(100, 0, 90'000);
    EXPECT_EQ(pair.us.offset()->us, 5'000);
    pair.skew = -5'000;  // somebody sets the clock
    for (int i = 0; i < 8; ++i)
        pair.exchange(150, 0, 150);
    EXPECT_EQ(pair.us.offset()->us, -5'000);
}

TEST(PeerClock, asks_for_an_answer_until_the_peer_has_heard_something) {
    PeerClock us;
    PeerClock them;
    EXPECT_TRUE(them.hear(us.ping(kStart), kStart));
    EXPECT_FALSE(us.hear(them.ping(kStart + 1), kStart + 2)) << "they would answer for ever";
    EXPECT_TRUE(us.offset());
}

TEST(PeerClock, takes_no_nonsense) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
    for (const Ping& each :
         {Ping{}, Ping{kMost, 0, 0}, Ping{kLeast, kLeast, kLeast}, Ping{kStart, kMost, kMost},
          Ping{kStart, kStart, kLeast}, Ping{kStart, kStart + 500, 0}, Ping{kStart, 1, 0}}) {
        PeerClock clock;
        EXPECT_FALSE(clock.hear(each, kStart + 100));
        EXPECT_FALSE(clock.offset());
    }
}

TEST(PeerClock, corrects_times_only_by_what_is_certain) {
    EXPECT_EQ(by_own_clock(kStart, std::nullopt), kStart);
    EXPECT_EQ(by_own_clock(kStart, ClockOffset{-90, 90}), kStart);
    EXPECT_EQ(by_own_clock(kStart, ClockOffset{2'000'000, 90}), kStart - 2'000'000);
    EXPECT_EQ(by_own_clock(kStart, ClockOffset{-2'000'000, 90}), kStart + 2'000'000);
}

}  // namespace
}  // namespace torchelastic::wire
