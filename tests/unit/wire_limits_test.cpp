// Numbers that fit into their types and are none that an agent sends.
#include <limits>

#include <gtest/gtest.h>

#include "wire/codec.h"

namespace torchelastic::wire {
namespace {

using namespace coordinator;

constexpr int kMost = std::numeric_limits<int>::max();
constexpr int kLeast = std::numeric_limits<int>::min();

/// "": it is one.
std::string trouble(const Message& message) {
    const auto decoded = decode(encode(message));
    return decoded ? "" : decoded.error().text();
}

TEST(Limits, let_a_node_have_some_workers) {
    for (const int workers : {1, 8, 65536}) {
        Hello hello;
        hello.card.workers = workers;
        EXPECT_EQ(trouble(hello), "") << workers;
    }
    for (const int workers : {0, -1, 65537, kMost, kLeast}) {
        Hello hello;
        hello.card.workers = workers;
        EXPECT_EQ(trouble(hello), "not one of our messages: field 'workers' is out of range")
            << workers;
    }
}

TEST(Limits, let_rounds_be_counted_on) {
    const struct {
        LastRound last;
        const char* field;  ///< that is out of range; "" if none is
    } rounds[] = {
        {{.number = 0, .group_size = 1}, ""},
        {{.epoch = kMost, .number = 0, .group_size = 1}, "epoch"},
        {{.epoch = -1, .number = 0, .group_size = 1}, "epoch"},
        {{.number = kMost, .group_size = 1}, "round"},
        {{.number = kLeast, .group_size = 1}, "round"},
        {{.number = 0, .restart_count = kMost, .group_size = 1}, "restart_count"},
        {{.number = 0, .group_size = 0}, "group_size"},
        {{.number = 0, .group_size = kMost}, "group_size"},
    };
    for (const auto& [last, field] : rounds) {
        const std::string told =
            *field ? std::string("not one of our messages: field '") + field + "' is out of range"
                   : "";
        EXPECT_EQ(trouble(Report{.last = last}), told);
        EXPECT_EQ(trouble(Roster{.last = last}), told);
    }
    EXPECT_NE(trouble(Report{}), "") << "of no round";
}

TEST(Limits, know_the_signals) {
    for (const int signal : {1, 15, 64})
        EXPECT_EQ(trouble(Leaving{signal}), "") << signal;
    for (const int signal : {0, -15, 65, kMost, kLeast}) {
        EXPECT_EQ(trouble(Leaving{signal}),
                  "not one of our messages: field 'signal' is out of range")
            << signal;
    }
    Failed failed;
    EXPECT_EQ(trouble(failed), "") << "of no signal";
    failed.failure.signal = 65;
    EXPECT_NE(trouble(failed), "");
}

TEST(Limits, know_the_exit_codes) {
    for (const int code : {-1, 256, kMost, kLeast}) {
        Failed failed;
        failed.failure.exit_code = code;
        EXPECT_EQ(trouble(failed), "not one of our messages: field 'exit_code' is out of range")
            << code;
        EXPECT_NE(trouble(Finish{{Outcome::worker_failed, code, ""}}), "")
            << code << ": as an exit code it would look like another";
    }
    for (const int code : {0, 1, 255})
        EXPECT_EQ(trouble(Finish{{Outcome::worker_failed, code, ""}}), "") << code;
}

}  // namespace
}  // namespace torchelastic::wire
