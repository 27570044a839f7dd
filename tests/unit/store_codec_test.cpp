// The wire of the workers' store: both dialects, in pieces of any size, and what is no store
// client.
#include <random>

#include <gtest/gtest.h>

#include "store/codec.h"
#include "store_wire.h"

namespace torchelastic::store {
namespace {

using wire::keys;
using wire::kGreeting;
using wire::op;
using wire::text;
using wire::u64;

struct Heard {
    std::vector<Request> requests;
    std::string error;
    bool incomplete = false;
};

/// Feeds `stream` in pieces of `size` bytes.
Heard hear(std::string_view stream, std::size_t size) {
    Heard heard;
    Decoder decoder;
    while (!stream.empty()) {
        std::string_view piece = stream.substr(0, size);
        stream.remove_prefix(piece.size());
        for (;;) {
            auto request = decoder.next(piece);
            if (!request) {
                heard.error = request.error().text();
                return heard;
            }
            if (!*request) break;
            heard.requests.push_back(std::move(**request));
        }
        EXPECT_TRUE(piece.empty());
    }
    heard.incomplete = decoder.incomplete();
    return heard;
}

const std::vector<std::size_t> kPieces = {1, 2, 3, 7, 1440, 1 << 20};

const Request kV2Requests[] = {
    {.op = Op::set, .key = "/k", .value = "v"},
    {.op = Op::set, .key = "", .value = ""},
    {.op = Op::set, .key = "/long", .value = std::string(3000, '\0')},
    {.op = Op::compare_set, .key = "/k", .value = "new", .expected = "old"},
    {.op = Op::compare_set, .key = "/k", .value = "new", .expected = ""},
    {.op = Op::get, .key = "/k"},
    {.op = Op::add, .key = "init/", .number = 1},
    {.op = Op::add, .key = "/n", .number = -7},
    {.op = Op::check, .keys = {"/a", "", "/c"}},
    {.op = Op::wait, .keys = {}},
    {.op = Op::wait, .keys = {"/a"}},
    {.op = Op::num_keys},
    {.op = Op::delete_key, .key = "/k"},
    {.op = Op::append, .key = "/k", .value = "more"},
    {.op = Op::multi_get, .keys = {"/a", "/b"}},
    {.op = Op::multi_set, .keys = {}, .values = {}},
    {.op = Op::multi_set, .keys = {"/a", "", "/c"}, .values = {"1", "", "3"}},
    {.op = Op::cancel_wait},
    {.op = Op::ping, .number = 0xFFFFFFFF},
    {.op = Op::queue_push, .key = "/q", .value = "item"},
    {.op = Op::queue_pop, .key = "/q"},
    {.op = Op::queue_length, .key = "/q"},
    {.op = Op::list_keys},
    {.op = Op::barrier, .key = "/b", .number = 4},
};

TEST(Decoder, reads_every_request_of_torch_2_in_pieces_of_any_size) {
    std::string stream = kGreeting;
    for (const Request& request : kV2Requests) {
        stream += wire::v2(request);
    }
    for (const std::size_t size : kPieces) {
        const Heard heard = hear(stream, size);
        EXPECT_EQ(heard.error, "");
        EXPECT_FALSE(heard.incomplete);
        ASSERT_EQ(heard.requests.size(), std::size(kV2Requests));
        for (std::size_t i = 0; i < heard.requests.size(); ++i) {
            EXPECT_TRUE(heard.requests[i] == kV2Requests[i]) << name(kV2Requests[i].op) << " " << i;
        }
    }
}

struct L1Case {
    const char* what;
    std::string stream;
    std::vector<Request> requests;
};

const L1Case kL1Cases[] = {
    {"a SET opens", op(0, text("/k") + text("v")), {{.op = Op::set, .key = "/k", .value = "v"}}},
    {"a SET of an empty key opens", op(0, text("") + text("")), {{.op = Op::set}}},
    {"a SET of the longest key opens",
     op(0, text(std::string(kMaxKey, 'k')) + text("")),
     {{.op = Op::set, .key = std::string(kMaxKey, 'k')}}},
    {"every other request of torch 1.13",
     op(1, text("/k") + text("a") + text("b")) + op(2, text("/k")) + op(3, text("init/") + u64(1)) +
         op(4, keys({"/a"})) + op(5, keys({"/a", "/b"})) + op(6) + op(8, text("/k")),
     {{.op = Op::compare_set, .key = "/k", .value = "b", .expected = "a"},
      {.op = Op::get, .key = "/k"},
      {.op = Op::add, .key = "init/", .number = 1},
      {.op = Op::check, .keys = {"/a"}},
      {.op = Op::wait, .keys = {"/a", "/b"}},
      {.op = Op::num_keys},
      {.op = Op::delete_key, .key = "/k"}}},
    {"7 on a connection that only watches is WATCH_KEY",
     op(7, text("/a")) + op(7, text("/b")),
     {{.op = Op::watch_key, .key = "/a"}, {.op = Op::watch_key, .key = "/b"}}},
    {"7 after anything else is DELETE_KEY of torch 2.1",
     op(6) + op(7, text("/a")),
     {{.op = Op::num_keys}, {.op = Op::delete_key, .key = "/a"}}},
    {"9 to 11 are torch 2.1's",
     op(9, keys({"/a"})) + op(10, u64(1) + text("/a") + text("v")) + op(11),
     {{.op = Op::multi_get, .keys = {"/a"}},
      {.op = Op::multi_set, .keys = {"/a"}, .values = {"v"}},
      {.op = Op::cancel_wait}}},
};

TEST(Decoder, reads_every_request_of_torch_1_in_pieces_of_any_size) {
    for (const L1Case& each : kL1Cases) {
        for (const std::size_t size : kPieces) {
            const Heard heard = hear(each.stream, size);
            EXPECT_EQ(heard.error, "") << each.what;
            EXPECT_TRUE(heard.requests == each.requests) << each.what;
        }
    }
}

TEST(Decoder, tells_the_dialects_apart) {
    const auto dialect_after = [](std::string stream) {
        Decoder decoder;
        std::string_view input = stream;
        EXPECT_TRUE(decoder.next(input));
        return decoder.dialect();
    };
    EXPECT_EQ(dialect_after(""), Dialect::unknown);
    EXPECT_EQ(dialect_after(op(0)), Dialect::unknown);
    EXPECT_EQ(dialect_after(kGreeting.substr(0, 4)), Dialect::unknown);
    EXPECT_EQ(dialect_after(kGreeting), Dialect::v2);
    EXPECT_EQ(dialect_after(op(3)), Dialect::l1);
    EXPECT_EQ(dialect_after(op(0, u64(2))), Dialect::l1);
}

TEST(Decoder, knows_when_it_is_in_the_middle) {
    Decoder decoder;
    const auto feed = [&](std::string bytes) {
        std::string_view input = bytes;
        const auto request = decoder.next(input);
        ASSERT_TRUE(request);
    };
    EXPECT_FALSE(decoder.incomplete());
    feed(kGreeting.substr(0, 1));
    EXPECT_TRUE(decoder.incomplete());
    feed(kGreeting.substr(1));
    EXPECT_FALSE(decoder.incomplete());
    feed(op(1, u64(4) + "/k"));
    EXPECT_TRUE(decoder.incomplete());
    EXPECT_GE(decoder.held(), 2U);
    feed("ey" + text("value"));
    EXPECT_FALSE(decoder.incomplete());
    EXPECT_EQ(decoder.held(), 0U);
}

struct Hostile {
    const char* what;
    std::string stream;
    std::vector<const char*> words;
};

const Hostile kHostile[] = {
    {"HTTP", "GET / HTTP/1.1\r\n", {"began with 47", "GET / HTTP", "--worker-store=rank0"}},
    {"TLS hello", "\x16\x03\x01\x02", {"began with 16", "--worker-store=rank0"}},
    {"bad magic", std::string("\x00\xCE\xF7\x85\x3D", 5), {"bad magic", "00 ce f7 85 3d"}},
    {"first byte beyond torch 1's opcodes", op(12), {"began with 0c"}},
    {"opcode 19 of a newer torch",
     kGreeting + op(19, "abc"),
     {"unknown opcode 19", "13", "newer torch", "--worker-store=rank0"}},
    {"a second greeting", kGreeting + kGreeting, {"unknown opcode 0"}},
    {"opcode 0x77", op(6) + "\x77", {"unknown opcode 119"}},
    {"key of 4 GiB", kGreeting + op(1, u64(1ULL << 32)), {"SET with a key of 4294967296 bytes"}},
    {"key of 4 GiB, torch 1", op(2, u64(1ULL << 32)), {"GET with a key of 4294967296 bytes"}},
    {"key of 2^63", kGreeting + op(3, u64(1ULL << 63)), {"GET with a key"}},
    {"key of 2^64-1", kGreeting + op(3, u64(~0ULL)), {"GET with a key"}},
    {"key one byte too long", kGreeting + op(3, u64(kMaxKey + 1)), {"key of 8193 bytes"}},
    {"value one byte too long",
     kGreeting + op(1, text("k") + u64(kMaxValue + 1)),
     {"SET with a value of 8388609 bytes"}},
    {"20 M keys", kGreeting + op(6, u64(20'000'000)), {"WAIT of 20000000 keys"}},
    {"one key too many", kGreeting + op(11, u64(kMaxKeys + 1)), {"MULTI_SET of 131073 keys"}},
    {"negative count", kGreeting + op(11, u64(~0ULL)), {"MULTI_SET of 18446744073709551615"}},
};

TEST(Decoder, refuses_what_is_no_client_and_says_why) {
    for (const Hostile& each : kHostile) {
        for (const std::size_t size : kPieces) {
            const Heard heard = hear(each.stream, size);
            ASSERT_NE(heard.error, "") << each.what;
            // In the smallest pieces only the offending byte is known; the rest must be the same.
            if (size < 16) continue;
            for (const char* word : each.words) {
                EXPECT_NE(heard.error.find(word), std::string::npos)
                    << each.what << ": " << heard.error;
            }
        }
    }
}

/// Every place in which a V2 request names a length or a count.
const Hostile kTooMuch[] = {
    {"SET key", op(1, u64(kMaxKey + 1)), {"SET with a key"}},
    {"SET value", op(1, text("k") + u64(kMaxValue + 1)), {"SET with a value"}},
    {"COMPARE_SET key", op(2, u64(kMaxKey + 1)), {"COMPARE_SET with a key"}},
    {"expected", op(2, text("k") + u64(kMaxValue + 1)), {"COMPARE_SET with a value"}},
    {"desired", op(2, text("k") + text("") + u64(kMaxValue + 1)), {"COMPARE_SET with a value"}},
    {"GET key", op(3, u64(kMaxKey + 1)), {"GET with a key"}},
    {"ADD key", op(4, u64(kMaxKey + 1)), {"ADD with a key"}},
    {"CHECK count", op(5, u64(kMaxKeys + 1)), {"CHECK of 131073 keys"}},
    {"CHECK key", op(5, u64(2) + text("k") + u64(kMaxKey + 1)), {"CHECK with a key"}},
    {"WAIT count", op(6, u64(kMaxKeys + 1)), {"WAIT of 131073 keys"}},
    {"WAIT key", op(6, u64(1) + u64(kMaxKey + 1)), {"WAIT with a key"}},
    {"DELETE_KEY key", op(8, u64(kMaxKey + 1)), {"DELETE_KEY with a key"}},
    {"APPEND key", op(9, u64(kMaxKey + 1)), {"APPEND with a key"}},
    {"APPEND value", op(9, text("k") + u64(kMaxValue + 1)), {"APPEND with a value"}},
    {"MULTI_GET count", op(10, u64(kMaxKeys + 1)), {"MULTI_GET of 131073 keys"}},
    {"MULTI_GET key", op(10, u64(1) + u64(kMaxKey + 1)), {"MULTI_GET with a key"}},
    {"MULTI_SET count", op(11, u64(kMaxKeys + 1)), {"MULTI_SET of 131073 keys"}},
    {"MULTI_SET key", op(11, u64(1) + u64(kMaxKey + 1)), {"MULTI_SET with a key"}},
    {"MULTI_SET value",
     op(11, u64(1) + text("k") + u64(kMaxValue + 1)),
     {"MULTI_SET with a value"}},
    {"QUEUE_PUSH key", op(14, u64(kMaxKey + 1)), {"QUEUE_PUSH with a key"}},
    {"QUEUE_PUSH value", op(14, text("k") + u64(kMaxValue + 1)), {"QUEUE_PUSH with a value"}},
    {"QUEUE_POP key", op(15, u64(kMaxKey + 1)), {"QUEUE_POP with a key"}},
    {"QUEUE_LEN key", op(16, u64(kMaxKey + 1)), {"QUEUE_LEN with a key"}},
    {"BARRIER key", op(18, u64(kMaxKey + 1)), {"BARRIER with a key"}},
};

TEST(Decoder, refuses_too_much_wherever_it_is_claimed) {
    for (const Hostile& each : kTooMuch) {
        const Heard heard = hear(kGreeting + each.stream, 1);
        EXPECT_TRUE(heard.error.starts_with(each.words[0])) << each.what << ": " << heard.error;
        EXPECT_TRUE(heard.requests.empty()) << each.what;
    }
    EXPECT_TRUE(hear(op(7, u64(kMaxKey + 1)), 1).error.starts_with("WATCH_KEY with a key"));
}

TEST(Decoder, takes_the_most_of_everything) {
    const std::string key(kMaxKey, 'k');
    const std::string value(kMaxValue, 'v');
    const Request requests[] = {
        {.op = Op::set, .key = key, .value = value},
        {.op = Op::compare_set, .key = key, .value = value, .expected = value},
        {.op = Op::append, .key = key, .value = value},
        {.op = Op::multi_set, .keys = {key, key}, .values = {value, value}},
        {.op = Op::queue_push, .key = key, .value = value},
    };
    for (const Request& request : requests) {
        const Heard heard = hear(kGreeting + wire::v2(request), 1 << 16);
        ASSERT_EQ(heard.error, "") << name(request.op);
        ASSERT_EQ(heard.requests.size(), 1U) << name(request.op);
        EXPECT_TRUE(heard.requests[0] == request) << name(request.op);
    }
}

TEST(Decoder, allocates_nothing_for_a_claim) {
    Decoder decoder;
    const std::string claim = kGreeting + op(1, text("k") + u64(kMaxValue));
    std::string_view input = claim;
    ASSERT_TRUE(decoder.next(input));
    EXPECT_LT(decoder.held(), 1000U);
}

TEST(Decoder, takes_the_most_keys_byte_by_byte_without_looking_back) {
    std::string stream = kGreeting + op(5, u64(kMaxKeys));
    for (std::size_t i = 0; i < kMaxKeys; ++i) {
        stream += text("k");
    }
    const Heard heard = hear(stream, 1);
    ASSERT_EQ(heard.requests.size(), 1U);
    EXPECT_EQ(heard.requests[0].keys.size(), kMaxKeys);
}

TEST(Decoder, hears_the_same_in_whatever_pieces_of_mutated_streams) {
    std::mt19937 random(20240607);
    const auto below = [&](std::size_t n) { return random() % n; };
    for (int round = 0; round < 1500; ++round) {
        std::string stream = below(4) == 0 ? "" : kGreeting;
        for (std::size_t n = below(6); n-- > 0;) {
            stream += wire::v2(kV2Requests[below(std::size(kV2Requests))]);
        }
        for (std::size_t n = below(4); n-- > 0 && !stream.empty();) {
            stream[below(stream.size())] = static_cast<char>(random());
        }
        stream.resize(below(stream.size() + 1));
        const Heard whole = hear(stream, stream.size() + 1);
        const Heard pieces = hear(stream, 1 + below(9));
        EXPECT_TRUE(whole.requests == pieces.requests) << round;
        EXPECT_EQ(whole.error.empty(), pieces.error.empty()) << round;
        EXPECT_EQ(whole.incomplete, pieces.incomplete) << round;
    }
}

TEST(Answers, are_little_endian) {
    EXPECT_EQ(encode(Answer::watch_registered), "\x03");
    EXPECT_EQ(encode_number(-2), "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
    EXPECT_EQ(encode_nonce(0x3004), std::string("\x04\x30\x00\x00", 4));
    EXPECT_EQ(encode_bytes("v"), std::string("\x01\x00\x00\x00\x00\x00\x00\x00v", 9));
    EXPECT_EQ(encode(Answer::ready), std::string(1, '\0'));
    EXPECT_EQ(encode(Answer::not_ready), "\x01");
    EXPECT_EQ(encode(Answer::stop_waiting), std::string(1, '\0'));
    EXPECT_EQ(encode(Answer::wait_canceled), "\x01");
    EXPECT_EQ(encode_change(Change::created, "k", "", "v"),
              "\x01" + text("k") + text("") + text("v"));
    EXPECT_EQ(encode_change(Change::updated, "k", "v", "w"),
              std::string(1, '\0') + text("k") + text("v") + text("w"));
    EXPECT_EQ(encode_change(Change::deleted, "k", "w", ""),
              "\x02" + text("k") + text("w") + text(""));
}

}  // namespace
}  // namespace torchelastic::store
