// What clients of one store share: every operation, waits, queues, barriers, watches, memory.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "store/key_space.h"
#include "store_wire.h"

namespace torchelastic::store {
namespace {

Request set(std::string key, std::string value) {
    return {.op = Op::set, .key = std::move(key), .value = std::move(value)};
}
Request compare_set(std::string expected, std::string desired) {
    return {.op = Op::compare_set,
            .key = "k",
            .value = std::move(desired),
            .expected = std::move(expected)};
}
Request add(std::string key, std::int64_t delta) {
    return {.op = Op::add, .key = std::move(key), .number = delta};
}
Request barrier(std::int64_t world) {
    return {.op = Op::barrier, .key = "b", .number = world};
}
Request of_key(Op op, std::string key) {
    return {.op = op, .key = std::move(key)};
}
Request get(std::string key) {
    return of_key(Op::get, std::move(key));
}
Request of_value(Op op, std::string key, std::string value) {
    return {.op = op, .key = std::move(key), .value = std::move(value)};
}
Request of_keys(Op op, std::vector<std::string> keys) {
    return {.op = op, .keys = std::move(keys)};
}
Request wait(std::vector<std::string> keys) {
    return of_keys(Op::wait, std::move(keys));
}

Send number(ClientId client, std::int64_t value) {
    return {client, encode_number(value)};
}
Send bytes(ClientId client, std::string_view value) {
    return {client, encode_bytes(value)};
}
Send stop(ClientId client) {
    return {client, encode(Answer::stop_waiting)};
}
Send byte(ClientId client, Answer answer) {
    return {client, encode(answer)};
}
Send notice(ClientId client, Change change, std::string_view before, std::string_view after) {
    return {client, encode_change(change, "k", before, after)};
}

struct Turn {
    ClientId client;
    Request request;
    std::vector<Send> sends;
};

struct Incident {
    const char* what;
    std::vector<Turn> turns;
};

const Incident kValues[] = {
    {"set answers nothing, get answers the value",
     {{1, set("k", "v"), {}}, {2, get("k"), {bytes(2, "v")}}}},
    {"get of a missing key answers nothing, as libuv's server does",
     {{1, get("k"), {bytes(1, "")}}}},
    {"an empty value is a value",
     {{1, set("k", ""), {}},
      {1, of_keys(Op::check, {"k"}), {byte(1, Answer::ready)}},
      {1, of_key(Op::num_keys, ""), {number(1, 1)}}}},
    {"add starts at nothing and is stored as text",
     {{1, add("n", 5), {number(1, 5)}},
      {2, add("n", -7), {number(2, -2)}},
      {1, get("n"), {bytes(1, "-2")}}}},
    {"add counts on from a text, as std::stoll reads it",
     {{1, set("n", " 40 workers"), {}}, {1, add("n", 2), {number(1, 42)}}}},
    {"add wraps around",
     {{1, set("n", "9223372036854775807"), {}}, {1, add("n", 1), {number(1, INT64_MIN)}}}},
    {"compare_set of a missing key creates if nothing was expected",
     {{1, compare_set("", "new"), {bytes(1, "new")}}, {1, get("k"), {bytes(1, "new")}}}},
    {"compare_set of a missing key answers what was expected, and creates nothing",
     {{1, compare_set("old", "new"), {bytes(1, "old")}},
      {1, of_keys(Op::check, {"k"}), {byte(1, Answer::not_ready)}}}},
    {"compare_set replaces what was expected",
     {{1, set("k", "old"), {}},
      {1, compare_set("old", "new"), {bytes(1, "new")}},
      {1, get("k"), {bytes(1, "new")}}}},
    {"compare_set of another value answers that",
     {{1, set("k", "old"), {}},
      {1, compare_set("", "new"), {bytes(1, "old")}},
      {1, get("k"), {bytes(1, "old")}}}},
    {"check wants all keys",
     {{1, set("a", "1"), {}},
      {1, of_keys(Op::check, {"a", "b"}), {byte(1, Answer::not_ready)}},
      {1, set("b", "1"), {}},
      {1, of_keys(Op::check, {"a", "b"}), {byte(1, Answer::ready)}},
      {1, of_keys(Op::check, {}), {byte(1, Answer::ready)}}}},
    {"delete tells whether there was a key",
     {{1, set("k", "v"), {}},
      {1, of_key(Op::delete_key, "k"), {number(1, 1)}},
      {1, of_key(Op::delete_key, "k"), {number(1, 0)}},
      {1, of_key(Op::num_keys, ""), {number(1, 0)}}}},
    {"append creates and extends",
     {{1, of_value(Op::append, "k", "ab"), {}},
      {1, of_value(Op::append, "k", "cd"), {}},
      {1, get("k"), {bytes(1, "abcd")}}}},
    {"multi_set and multi_get keep the order",
     {{1, {.op = Op::multi_set, .keys = {"a", "b"}, .values = {"1", "2"}}, {}},
      {1,
       of_keys(Op::multi_get, {"b", "none", "a"}),
       {{1, encode_bytes("2") + encode_bytes("") + encode_bytes("1")}}}}},
    {"ping answers its nonce",
     {{1, {.op = Op::ping, .number = 12292}, {{1, encode_nonce(12292)}}}}},
    {"num_keys counts values, torch's own among them, and not queues",
     {{1, add("init/", 1), {number(1, 1)}},
      {1, set("k", "v"), {}},
      {1, of_value(Op::queue_push, "q", "item"), {}},
      {1, of_key(Op::num_keys, ""), {number(1, 2)}}}},
    {"list_keys lists values, not queues",
     {{1, set("k", "v"), {}},
      {1, of_value(Op::queue_push, "q", "item"), {}},
      {1, of_key(Op::list_keys, ""), {{1, encode_number(1) + encode_bytes("k")}}}}},
};

const Incident kWaits[] = {
    {"wait for what is there", {{1, set("a", "1"), {}}, {2, wait({"a"}), {stop(2)}}}},
    {"wait for nothing", {{1, wait({}), {stop(1)}}}},
    {"wait ends when the key is set", {{1, wait({"a"}), {}}, {2, set("a", ""), {stop(1)}}}},
    {"wait ends when the key is added, appended, compared or multi_set",
     {{1, wait({"a"}), {}},
      {2, wait({"k"}), {}},
      {3, wait({"c"}), {}},
      {4, wait({"d"}), {}},
      {9, add("a", 0), {number(9, 0), stop(1)}},
      {9, compare_set("", "v"), {bytes(9, "v"), stop(2)}},
      {9, of_value(Op::append, "c", ""), {stop(3)}},
      {9, {.op = Op::multi_set, .keys = {"d"}, .values = {""}}, {stop(4)}}}},
    {"all who wait are told, in the order in which they came",
     {{3, wait({"a"}), {}},
      {1, wait({"a"}), {}},
      {2, wait({"a"}), {}},
      {9, set("a", "1"), {stop(3), stop(1), stop(2)}}}},
    {"wait wants every key that was missing, once",
     {{1, set("there", "1"), {}},
      {1, wait({"there", "a", "b", "a"}), {}},
      {2, set("a", "1"), {}},
      {2, set("a", "2"), {}},
      {2, of_key(Op::delete_key, "a"), {number(2, 1)}},
      {2, set("b", "1"), {stop(1)}}}},
    {"a compare_set that fails wakes nobody",
     {{1, wait({"k"}), {}}, {2, compare_set("old", "new"), {bytes(2, "old")}}}},
    {"cancel_wait ends the wait and is always answered",
     {{1, wait({"a"}), {}},
      {1, of_key(Op::cancel_wait, ""), {byte(1, Answer::wait_canceled)}},
      {2, set("a", "1"), {}},
      {1, of_key(Op::cancel_wait, ""), {byte(1, Answer::wait_canceled)}}}},
    {"the key comes before the cancel: both are answered",
     {{1, wait({"a"}), {}},
      {2, set("a", "1"), {stop(1)}},
      {1, of_key(Op::cancel_wait, ""), {byte(1, Answer::wait_canceled)}}}},
    {"torch 1.13's wait timed out: its next request ends it without an answer",
     {{1, wait({"late", "later"}), {}},
      {1, get("other"), {bytes(1, "")}},
      {2, set("late", "1"), {}},
      {2, set("later", "1"), {}}}},
    {"a new wait replaces the old one",
     {{1, wait({"a"}), {}},
      {1, wait({"b"}), {}},
      {2, set("a", ""), {}},
      {2, set("b", ""), {stop(1)}}}},
    {"its own set does not answer the wait it gave up",
     {{1, wait({"a"}), {}}, {1, set("a", "1"), {}}, {1, get("a"), {bytes(1, "1")}}}},
};

const Incident kQueues[] = {
    {"first in, first out; the length is the one before",
     {{1, of_value(Op::queue_push, "q", "a"), {}},
      {1, of_value(Op::queue_push, "q", ""), {}},
      {1, of_key(Op::queue_length, "q"), {number(1, 2)}},
      {2, of_key(Op::queue_pop, "q"), {{2, encode_number(2) + encode_bytes("a")}}},
      {2, of_key(Op::queue_pop, "q"), {{2, encode_number(1) + encode_bytes("")}}},
      {2, of_key(Op::queue_pop, "q"), {number(2, 0)}},
      {2, of_key(Op::queue_length, "q"), {number(2, 0)}}}},
    {"a queue with items is there, an emptied one is not",
     {{1, of_value(Op::queue_push, "q", "a"), {}},
      {1, wait({"q"}), {stop(1)}},
      {1, of_keys(Op::check, {"q"}), {byte(1, Answer::ready)}},
      {1, of_key(Op::queue_pop, "q"), {{1, encode_number(1) + encode_bytes("a")}}},
      {1, of_keys(Op::check, {"q"}), {byte(1, Answer::not_ready)}}}},
    {"each push wakes one, who waited longest",
     {{1, wait({"q"}), {}},
      {2, wait({"q"}), {}},
      {3, wait({"q"}), {}},
      {9, of_value(Op::queue_push, "q", "a"), {stop(1)}},
      {9, of_value(Op::queue_push, "q", "b"), {stop(2)}},
      {3, of_key(Op::cancel_wait, ""), {byte(3, Answer::wait_canceled)}},
      {9, of_value(Op::queue_push, "q", "c"), {}}}},
    {"who also waits for something else is passed over",
     {{1, wait({"q", "k"}), {}},
      {2, wait({"q"}), {}},
      {9, of_value(Op::queue_push, "q", "a"), {stop(2)}},
      {9, set("k", ""), {stop(1)}}}},
};

const Incident kBarriers[] = {
    {"the last one frees all",
     {{1, barrier(3), {}}, {2, barrier(3), {}}, {3, barrier(3), {stop(3), stop(1), stop(2)}}}},
    {"a barrier of one", {{1, barrier(1), {stop(1)}}}},
    {"late ones pass", {{1, barrier(1), {stop(1)}}, {2, barrier(1), {stop(2)}}}},
    {"who gave up is counted but not told",
     {{1, barrier(2), {}},
      {1, of_key(Op::cancel_wait, ""), {byte(1, Answer::wait_canceled)}},
      {2, barrier(2), {stop(2)}}}},
    {"the count is an ordinary value, which an unfinished barrier does not announce",
     {{9, wait({"b"}), {}},
      {1, barrier(2), {}},
      {3, get("b"), {bytes(3, "1")}},
      {2, barrier(2), {stop(2), stop(9), stop(1)}}}},
};

const Incident kWatches[] = {
    {"a watcher is told of every change",
     {{1, of_key(Op::watch_key, "k"), {byte(1, Answer::watch_registered)}},
      {1, of_key(Op::watch_key, "k"), {byte(1, Answer::watch_registered)}},
      {2, set("k", "a"), {notice(1, Change::created, "", "a")}},
      {2, set("k", "b"), {notice(1, Change::updated, "a", "b")}},
      {2, of_value(Op::append, "k", "c"), {notice(1, Change::updated, "b", "bc")}},
      {2, set("k", "1"), {notice(1, Change::updated, "bc", "1")}},
      {2, add("k", 1), {number(2, 2), notice(1, Change::updated, "1", "2")}},
      {2, of_key(Op::delete_key, "k"), {number(2, 1), notice(1, Change::deleted, "2", "")}},
      {2, set("other", "v"), {}}}},
};

void play(const Incident& incident) {
    KeySpace space;
    int number = 0;
    for (const Turn& turn : incident.turns) {
        ++number;
        const auto sends = space.apply(turn.client, turn.request);
        ASSERT_TRUE(sends) << incident.what << ", turn " << number << ": " << sends.error().text();
        EXPECT_TRUE(*sends == turn.sends) << incident.what << ", turn " << number;
    }
}

TEST(KeySpace, keeps_values) {
    for (const Incident& incident : kValues)
        play(incident);
}
TEST(KeySpace, lets_clients_wait) {
    for (const Incident& incident : kWaits)
        play(incident);
}
TEST(KeySpace, keeps_queues) {
    for (const Incident& incident : kQueues)
        play(incident);
}
TEST(KeySpace, holds_barriers) {
    for (const Incident& incident : kBarriers)
        play(incident);
}
TEST(KeySpace, tells_watchers) {
    for (const Incident& incident : kWatches)
        play(incident);
}

std::string refusal(KeySpace& space, Request request) {
    const auto sends = space.apply(1, std::move(request));
    return sends ? std::string() : sends.error().text();
}

TEST(KeySpace, refuses_to_count_on_from_what_is_no_number) {
    for (const char* value : {"", "abc", "-", "99999999999999999999"}) {
        KeySpace space;
        ASSERT_EQ(refusal(space, set("b", value)), "");
        EXPECT_EQ(refusal(space, add("b", 1)), "ADD on key b, which holds no number");
        EXPECT_EQ(refusal(space, barrier(2)), "BARRIER on key b, which holds no number");
    }
}

TEST(KeySpace, forgets_the_waits_and_watches_of_the_dead) {
    KeySpace space;
    ASSERT_TRUE(space.apply(1, wait({"a", "b"})));
    ASSERT_TRUE(space.apply(1, of_key(Op::watch_key, "k")));
    ASSERT_TRUE(space.apply(2, wait({"a"})));
    space.forget(1);
    space.forget(1);
    EXPECT_EQ(*space.apply(3, set("a", "")), std::vector<Send>{stop(2)});
    EXPECT_EQ(*space.apply(3, set("b", "")), std::vector<Send>{});
    EXPECT_EQ(*space.apply(3, set("k", "")), std::vector<Send>{});
}

TEST(KeySpace, refuses_only_what_grows_it_beyond_its_memory) {
    KeySpace space(1000);
    ASSERT_EQ(refusal(space, set("k", std::string(600, 'x'))), "");
    const std::string big(600, 'y');
    const Request refused[] = {
        set("other", big),
        of_value(Op::append, "k", big),
        of_value(Op::append, "other", big),
        of_value(Op::queue_push, "q", big),
        {.op = Op::multi_set, .keys = {"a", "b"}, .values = {"", big}},
        {.op = Op::compare_set, .key = "other", .value = big},
        wait({std::string(900, 'k')}),
        of_key(Op::watch_key, std::string(900, 'k')),
        add(std::string(900, 'k'), 1),
        {.op = Op::barrier, .key = std::string(900, 'k'), .number = 2},
    };
    const std::size_t before = space.memory();
    for (const Request& request : refused) {
        EXPECT_NE(refusal(space, request).find("the worker store is full"), std::string::npos)
            << name(request.op);
        EXPECT_EQ(space.memory(), before) << name(request.op);
        EXPECT_EQ(space.size(), 1U) << name(request.op);
    }
    EXPECT_EQ(refusal(space, get("k")), "");
    EXPECT_EQ(refusal(space, set("k", big)), "");
    EXPECT_EQ(refusal(space, wait({"k"})), "");
    EXPECT_EQ(refusal(space, of_key(Op::delete_key, "k")), "");
    EXPECT_EQ(refusal(space, set("other", big)), "");
}

TEST(KeySpace, refuses_answers_and_notices_that_would_flood) {
    KeySpace space;
    ASSERT_EQ(refusal(space, set("k", std::string(kMaxValue, 'x'))), "");
    EXPECT_NE(refusal(space, of_keys(Op::multi_get, std::vector<std::string>(9, "k"))), "");
    for (ClientId client = 1; client <= 100; ++client) {
        ASSERT_TRUE(space.apply(client, of_key(Op::watch_key, "k")));
    }
    EXPECT_EQ(refusal(space, get("k")), "");
    EXPECT_NE(refusal(space, set("k", "small")), "");
    EXPECT_EQ(refusal(space, set("other", "small")), "");
}

TEST(KeySpace, refuses_to_give_what_has_grown_too_long) {
    KeySpace space;
    const std::string part(kMaxValue, 'x');
    for (int i = 0; i < 8; ++i)
        ASSERT_EQ(refusal(space, of_value(Op::append, "k", part)), "");
    EXPECT_EQ(refusal(space, get("k")), "");
    ASSERT_EQ(refusal(space, of_value(Op::append, "k", "x")), "");
    EXPECT_NE(refusal(space, get("k")), "");
    EXPECT_NE(refusal(space, of_keys(Op::multi_get, {"k"})), "");
    EXPECT_NE(refusal(space, compare_set("", "v")), "");
    EXPECT_EQ(refusal(space, of_key(Op::delete_key, "k")), "");
    const std::size_t most = kMaxUnsent / kMaxKey;
    for (std::size_t i = 0; i < most; ++i) {
        std::string key = std::to_string(i);
        key.resize(kMaxKey, '.');
        ASSERT_EQ(refusal(space, set(key, "")), "");
    }
    EXPECT_NE(refusal(space, of_key(Op::list_keys, "")), "");
    EXPECT_EQ(refusal(space, of_key(Op::num_keys, "")), "");
}

TEST(KeySpace, gives_all_memory_back_whatever_happened) {
    std::mt19937 random(20240607);
    const auto below = [&](std::size_t n) { return random() % n; };
    for (int round = 0; round < 40; ++round) {
        KeySpace space(20'000);
        for (int turn = 0; turn < 300; ++turn) {
            const ClientId client = below(6);
            if (below(20) == 0) space.forget(client);
            Request request;
            request.op = static_cast<Op>(below(19));
            request.key = std::string(1, static_cast<char>('a' + below(5)));
            request.value = below(3) == 0 ? "7" : std::string(below(40), '1');
            request.expected = std::string(below(2), '7');
            request.number = static_cast<std::int64_t>(below(4));
            for (std::size_t n = below(4); n-- > 0;) {
                request.keys.push_back(std::string(1, static_cast<char>('a' + below(5))));
                request.values.push_back(std::string(below(40), '7'));
            }
            const auto sends = space.apply(client, request);
            if (!sends) space.forget(client);
        }
        for (ClientId client = 0; client < 6; ++client)
            space.forget(client);
        for (char key = 'a'; key < 'f'; ++key) {
            EXPECT_TRUE(space.apply(1, of_key(Op::delete_key, std::string(1, key))));
            while (space.apply(1, of_key(Op::queue_pop, std::string(1, key)))->at(0).bytes.size() >
                   8) {
            }
        }
        EXPECT_EQ(space.memory(), 0U);
        EXPECT_EQ(space.size(), 0U);
    }
}

}  // namespace
}  // namespace torchelastic::store
