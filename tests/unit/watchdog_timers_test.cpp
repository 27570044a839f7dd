// Requests and time in, kills out; nothing that is written into the pipe is believed.
#include <csignal>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "watchdog/timers.h"

namespace torchelastic::watchdog {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr double kEpoch = 1.7e9;
constexpr std::uint64_t kBorn = 5;

/// `after` the test's beginning, by both clocks.
Moment at(Duration after) {
    const auto wall = std::chrono::duration_cast<WallTime::duration>(after);
    return {Instant{} + seconds(1000) + after, WallTime{} + seconds(1'700'000'000) + wall};
}

Request timer(int pid, const std::string& scope, double after, int signal = SIGKILL) {
    return {pid, scope, kEpoch + after, signal};
}

struct TimerTable : ::testing::Test {
    void take(const Request& request, std::uint64_t born = kBorn) {
        EXPECT_TRUE(timers.take(request, born, at(seconds(0))));
    }
    std::string expired_after(Duration after) {
        std::string text;
        for (const Expired& each : timers.expire(at(after).instant)) {
            text += std::to_string(each.pid) + ":" + each.scope + ":" +
                    std::to_string(each.signal) + " ";
        }
        return text;
    }
    Timers timers;
};

TEST_F(TimerTable, kills_when_the_time_has_come_and_not_before) {
    take(timer(7, "step", 2));
    EXPECT_EQ(timers.next(), at(seconds(2)).instant);
    EXPECT_EQ(expired_after(milliseconds(1999)), "");
    EXPECT_EQ(expired_after(seconds(2)), "7:step:9 ");
    EXPECT_EQ(expired_after(seconds(3)), "");
    EXPECT_EQ(timers.next(), std::nullopt);
}

TEST_F(TimerTable, forgets_what_is_released_or_replaced) {
    take(timer(7, "step", 2));
    take({7, "step", -1, 0});
    EXPECT_EQ(timers.size(), 0U);
    take({7, "never set", -1, 0});
    take(timer(7, "step", 2));
    take(timer(7, "step", 5));
    EXPECT_EQ(timers.size(), 1U);
    EXPECT_EQ(expired_after(seconds(4)), "");
    EXPECT_EQ(expired_after(seconds(5)), "7:step:9 ");
}

TEST_F(TimerTable, takes_the_first_to_expire_that_has_a_signal) {
    take(timer(7, "silent", 1, 0));
    take(timer(7, "late", 4, SIGTERM));
    take(timer(7, "early", 3, SIGUSR1));
    take(timer(7, "not yet", 100));
    take(timer(8, "silent, too", 2, 0));
    take(timer(8, "silent", 1, 0));
    take(timer(9, "alive", 100));
    EXPECT_EQ(expired_after(seconds(10)), "7:early:10 8:silent:0 ");
    EXPECT_EQ(timers.size(), 1U);  // all of an expired process's timers are gone
}

TEST_F(TimerTable, drops_the_timers_of_the_dead) {
    take(timer(7, "a", 1));
    take(timer(7, "b", 2));
    take(timer(8, "c", 3));
    timers.forget(7);
    EXPECT_EQ(expired_after(seconds(10)), "8:c:9 ");
    take(timer(7, "of the dead", 1));
    take(timer(7, "of the next process of that pid", 1), kBorn + 1);
    ASSERT_EQ(timers.size(), 1U);
    EXPECT_EQ(timers.expire(at(seconds(1)).instant).front().born, kBorn + 1);
}

TEST_F(TimerTable, is_not_shaken_by_times_that_make_no_sense) {
    take({7, "before the epoch's first second", 0, SIGKILL});
    EXPECT_EQ(expired_after(seconds(0)), "7:before the epoch's first second:9 ");
    take({7, "never", std::numeric_limits<double>::max(), SIGKILL});
    take({8, "soon", kEpoch + 1, SIGKILL});
    EXPECT_EQ(expired_after(std::chrono::hours(24)), "8:soon:9 ");
}

TEST_F(TimerTable, has_an_end) {
    for (std::size_t i = 0; i < Timers::kMost; ++i) {
        ASSERT_TRUE(timers.take(timer(7, std::to_string(i), 1), kBorn, at(seconds(0))));
    }
    EXPECT_FALSE(timers.take(timer(7, "one more", 1), kBorn, at(seconds(0))));
    EXPECT_TRUE(timers.take(timer(7, "17", 5), kBorn, at(seconds(0))));
    EXPECT_EQ(timers.size(), Timers::kMost);
}

TEST(Request, is_what_torchs_client_writes) {
    // json.dumps of torch 1.13 and of 2.14; a release.
    const auto set = parse_request(
        R"({"version": 1, "pid": 4711, "scope_id": "train.py#12", "expiration_time": )"
        R"(1700000001.5, "signal": 9})");
    ASSERT_TRUE(set) << set.error().text();
    EXPECT_EQ(*set, (Request{4711, "train.py#12", 1700000001.5, SIGKILL}));
    const auto released = parse_request(
        R"({"version": 1, "pid": 4711, "scope_id": "", "expiration_time": -1, "signal": 0})");
    ASSERT_TRUE(released) << released.error().text();
    EXPECT_TRUE(released->releases());
    const auto silent = parse_request(
        R"({"version": 1, "pid": 4711, "scope_id": "", "expiration_time": 1, "signal": -3})");
    ASSERT_TRUE(silent) << silent.error().text();
    EXPECT_EQ(silent->signal, 0);
}

TEST(Request, is_nothing_else) {
    const std::string sound =
        R"({"version":1,"pid":7,"scope_id":"s","expiration_time":1.0,"signal":9})";
    ASSERT_TRUE(parse_request(sound));
    const std::pair<const char*, const char*> changes[] = {
        {"\"version\":1", "\"version\":2"},
        {"\"version\":1", "\"version\":null"},
        {"\"version\":1,", ""},
        {"\"pid\":7", "\"pid\":1"},
        {"\"pid\":7", "\"pid\":0"},
        {"\"pid\":7", "\"pid\":-7"},
        {"\"pid\":7", "\"pid\":7.5"},
        {"\"pid\":7", "\"pid\":1e300"},
        {"\"pid\":7", "\"pid\":4194305"},
        {"\"pid\":7", "\"pid\":\"7\""},
        {"\"pid\":7", "\"pid\":[7]"},
        {"\"s\"", "null"},
        {"\"s\"", "7"},
        {"1.0", "\"soon\""},
        {"1.0", "NaN"},
        {"1.0", "1e999"},
        {"\"signal\":9", "\"signal\":65"},
        {"\"signal\":9", "\"signal\":1e99"},
        {"\"signal\":9", "\"signal\":true"},
        {"}", ""},
        {"{", "[{"},
        {"\"s\"", "\"\xff\""},
    };
    for (const auto& [from, to] : changes) {
        std::string line = sound;
        line.replace(line.find(from), std::string(from).size(), to);
        const auto request = parse_request(line);
        ASSERT_FALSE(request) << line;
        EXPECT_EQ(request.error().text().find("not a timer's request: "), 0U);
    }
    for (const char* line : {"", "null", "7", "[]", "{}", "\"text\"", "\x01\x02"}) {
        EXPECT_FALSE(parse_request(line)) << line;
    }
}

TEST(Lines, come_whole_however_they_are_cut) {
    const std::string text = "first\n\nsecond\nlast";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        Lines lines;
        std::vector<std::string> whole;
        for (std::size_t i = 0; i < text.size(); i += piece) {
            for (auto& each : lines.take(std::string_view(text).substr(i, piece)))
                whole.push_back(each);
        }
        EXPECT_EQ(whole, (std::vector<std::string>{"first", "second"})) << piece;
        EXPECT_EQ(lines.skipped(), 0U);
    }
}

TEST(Lines, longer_than_a_request_can_be_are_skipped_to_their_end) {
    Lines lines;
    const std::string flood(10 * Lines::kLongest, 'x');
    EXPECT_TRUE(lines.take(flood).empty());
    EXPECT_TRUE(lines.take(flood).empty());
    EXPECT_EQ(lines.skipped(), 1U);
    EXPECT_EQ(lines.take("xx\nsound\n"), (std::vector<std::string>{"sound"}));
    const std::string longest(Lines::kLongest - 1, 'y');
    EXPECT_EQ(lines.take(longest + "\n"), (std::vector<std::string>{longest}));
    EXPECT_TRUE(lines.take(longest + "y\n").empty());
    EXPECT_EQ(lines.skipped(), 2U);
}

TEST(Lines, of_random_bytes_are_never_believed) {
    std::mt19937 random(4711);
    Lines lines;
    std::size_t requests = 0;
    for (int turn = 0; turn < 2000; ++turn) {
        std::string bytes(random() % 300, '\0');
        for (char& each : bytes)
            each = static_cast<char>(random() % 4 == 0 ? "{}[]\":,\n0\\"[random() % 10] : random());
        for (const std::string& line : lines.take(bytes))
            requests += parse_request(line) ? 1 : 0;
    }
    EXPECT_EQ(requests, 0U);
}

}  // namespace
}  // namespace torchelastic::watchdog
