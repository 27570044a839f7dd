// The server without its sockets: hostile clients beside a good one, stalls, memory.
#include <random>

#include <gtest/gtest.h>

#include "store/sessions.h"
#include "store_wire.h"

namespace torchelastic::store {
namespace {

using wire::keys;
using wire::kGreeting;
using wire::op;
using wire::text;
using wire::u64;

constexpr Instant kStart{};

enum class Fate { stays, stalls, dropped };

struct Hostile {
    const char* what;
    std::string bytes;
    Fate fate;
};

const Hostile kHostile[] = {
    {"says nothing, as torch 1.13's second connection", "", Fate::stays},
    {"greets and is silent", kGreeting, Fate::stays},
    {"one byte 00", op(0), Fate::stalls},
    {"half a greeting", kGreeting.substr(0, 3), Fate::stalls},
    {"half a SET", kGreeting + op(1, u64(2) + "/"), Fate::stalls},
    {"half a SET, torch 1", op(0, text("/k") + u64(5)), Fate::stalls},
    {"SET with a key of 4 GiB", kGreeting + op(1, u64(1ULL << 32)), Fate::dropped},
    {"WAIT of 20 M keys", kGreeting + op(6, u64(20'000'000)), Fate::dropped},
    {"length 2^63", kGreeting + op(3, u64(1ULL << 63)), Fate::dropped},
    {"opcode 0x77", kGreeting + op(0x77), Fate::dropped},
    {"ADD on text", kGreeting + op(1, text("/t") + text("x")) + op(4, text("/t") + u64(1)),
     Fate::dropped},
    {"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", Fate::dropped},
    {"TLS hello", "\x16\x03\x01\x02", Fate::dropped},
};

class Neighbour {
public:
    explicit Neighbour(Sessions& sessions) : sessions_(sessions) {
        EXPECT_EQ(ask(kGreeting + op(13, encode_nonce(7))), encode_nonce(7));
    }

    /// Whether the store serves it: sets, waits, gets.
    bool is_served() {
        return ask(op(1, text("/k") + text("v")) + op(6, keys({"/k"})) + op(3, text("/k"))) ==
               encode(Answer::stop_waiting) + encode_bytes("v");
    }

private:
    std::string ask(const std::string& bytes) {
        const Step step = sessions_.receive(1, bytes, kStart);
        EXPECT_TRUE(step.drops.empty());
        return step.sends.size() == 1 && step.sends[0].client == 1 ? step.sends[0].bytes : "?";
    }

    Sessions& sessions_;
};

TEST(Sessions, drop_the_hostile_and_serve_their_neighbours) {
    for (const Hostile& each : kHostile) {
        Sessions sessions;
        Neighbour neighbour(sessions);
        const Step step = sessions.receive(2, each.bytes, kStart);
        EXPECT_EQ(step.drops.size(), each.fate == Fate::dropped ? 1U : 0U) << each.what;
        EXPECT_TRUE(neighbour.is_served()) << each.what;
        EXPECT_LT(sessions.memory(), 1000U) << each.what;
        EXPECT_EQ(sessions.sweep(kStart + kMaxStall - Duration(1)).drops.size(), 0U) << each.what;
        EXPECT_EQ(sessions.stalled(), each.fate == Fate::stalls) << each.what;
        const Step sweep = sessions.sweep(kStart + kMaxStall);
        ASSERT_EQ(sweep.drops.size(), each.fate == Fate::stalls ? 1U : 0U) << each.what;
        EXPECT_FALSE(sessions.stalled()) << each.what;
        EXPECT_EQ(sessions.sweep(kStart + 1000 * kMaxStall).drops.size(), 0U) << each.what;
        EXPECT_TRUE(neighbour.is_served()) << each.what;
    }
}

TEST(Sessions, measure_a_stall_from_the_start_of_its_request) {
    Sessions sessions;
    const auto second = std::chrono::seconds(1);
    sessions.receive(1, kGreeting + op(1), kStart);
    sessions.receive(1, text("/k") + text("v"), kStart + 29 * second);
    sessions.receive(1, op(1), kStart + 29 * second);
    EXPECT_TRUE(sessions.sweep(kStart + 58 * second).drops.empty());
    sessions.receive(1, u64(5), kStart + 58 * second);  // a drop now and then does not help
    EXPECT_EQ(sessions.sweep(kStart + 59 * second).drops.size(), 1U);
}

TEST(Sessions, serve_both_dialects_at_once) {
    Sessions sessions;
    sessions.receive(1, op(5, keys({"/k"})), kStart);
    const Step step = sessions.receive(2, kGreeting + op(1, text("/k") + text("v")), kStart);
    EXPECT_EQ(step.sends, (std::vector<Send>{{1, encode(Answer::stop_waiting)}}));
}

TEST(Sessions, answer_what_came_before_the_trouble) {
    Sessions sessions;
    const Step step = sessions.receive(1, op(3, text("n") + u64(1)) + "\x77" + op(6), kStart);
    EXPECT_EQ(step.sends, (std::vector<Send>{{1, encode_number(1)}}));
    EXPECT_EQ(step.drops.size(), 1U);
}

TEST(Sessions, count_unfinished_requests_as_memory) {
    Sessions sessions(100'000);
    const std::string part =
        kGreeting + op(1, text("/k") + u64(kMaxValue)) + std::string(60'000, 'x');
    EXPECT_TRUE(sessions.receive(1, part, kStart).drops.empty());
    const Step step = sessions.receive(2, part, kStart);
    ASSERT_EQ(step.drops.size(), 1U);
    EXPECT_EQ(step.drops[0].client, 2U);
    EXPECT_NE(step.drops[0].why.find("full"), std::string::npos);
    sessions.leave(1);
    EXPECT_EQ(sessions.memory(), 0U);
}

TEST(Sessions, drop_who_asks_for_more_than_can_be_sent) {
    Sessions sessions;
    const std::string value(kMaxUnsent / 16, 'x');
    sessions.receive(1, kGreeting + op(1) + text("/k") + text(value), kStart);
    std::string requests;
    for (int i = 0; i < 1000; ++i)
        requests += op(3) + text("/k");
    const Step step = sessions.receive(1, requests, kStart);
    ASSERT_EQ(step.drops.size(), 1U);
    EXPECT_EQ(step.drops[0].why, "it asks for more than it reads");
    std::size_t bytes = 0;
    for (const Send& each : step.sends)
        bytes += each.bytes.size();
    EXPECT_LT(bytes, 2 * kMaxUnsent);
}

TEST(Sessions, forget_who_left) {
    Sessions sessions;
    sessions.receive(1, op(5, keys({"/k"})), kStart);
    sessions.leave(1);
    sessions.leave(1);
    EXPECT_TRUE(sessions.receive(2, op(0, text("/k") + text("v")), kStart).sends.empty());
    EXPECT_EQ(sessions.keys().size(), 1U);
}

TEST(Sessions, survive_noise) {
    std::mt19937 random(20240607);
    const auto below = [&](std::size_t n) { return random() % n; };
    Sessions sessions(1 << 20);
    Neighbour neighbour(sessions);
    for (int round = 0; round < 20'000; ++round) {
        const ClientId client = 2 + below(8);
        std::string bytes = below(3) == 0 ? kGreeting : "";
        for (std::size_t n = below(12); n-- > 0;) {
            bytes += below(3) == 0 ? u64(below(4)) : op(static_cast<int>(below(20)));
        }
        const Step step = sessions.receive(client, bytes, kStart);
        if (below(50) == 0) sessions.leave(client);
        for (const Send& send : step.sends) {
            EXPECT_NE(send.client, 1U);
        }
    }
    EXPECT_TRUE(neighbour.is_served());
}

}  // namespace
}  // namespace torchelastic::store
