// Frames, messages and the handshake: round trips, fragments, hostile bytes.
#include <random>

#include <gtest/gtest.h>

#include "wire/codec.h"
#include "wire/frame.h"
#include "wire/handshake.h"

namespace torchelastic::wire {
namespace {

using namespace coordinator;

std::vector<Message> every_message() {
    Card card{.id = "n1", .address = "fe80::1", .order = 3, .workers = 8, .role = "ps", .pid = 77};
    card.other_addresses = {"10.0.0.4", "fd00::4"};
    card.port = 29400;
    LastRound last{.epoch = 2, .number = 9, .since = 7, .restart_count = 4, .group_size = 5};
    last.with_coordinator = false;
    const std::vector<Successor> successors = {{"n4", {"10.0.0.4", 65535}},
                                               {"n5", {"fe80::5", 29400}}};
    WorkerFailure failure{.agent = "n2", .local_rank = 1, .rank = 5, .pid = 1LL << 40};
    failure.signal = 9;
    failure.ordered = true;
    failure.never_started = true;
    failure.time_us = -1;
    failure.message = std::string("bytes \xff\0 that are no text", 24);
    failure.traceback = "Traceback";
    failure.raised_s = 1795159681;
    failure.error_file = "/tmp/e.json";
    failure.dumped_core = true;
    failure.stderr_file = "/tmp/stderr.log";
    failure.stderr_end = "last\nwords";
    failure.out_of_memory = "out of memory";
    Assignment assignment{.round = 2, .restart_count = 1, .max_restarts = 3, .group_rank = 1};
    assignment.group_world_size = 4;
    assignment.first_rank = 2;
    assignment.world_size = 12;
    assignment.first_role_rank = 1;
    assignment.role_world_size = 6;
    assignment.master_address = "10.0.0.1";
    assignment.master_port = 65535;
    assignment.agent_store = false;
    assignment.run_id = "7.0.0";
    assignment.members = {"10.0.0.1", "10.0.0.2"};
    return {Ping{1, 2, 3},
            Farewell{"silent for 3 s"},
            Hello{card},
            Unable{"no GPU"},
            Ready{40000, false},
            Started{3},
            Failed{4, failure},
            Succeeded{5},
            Leaving{15},
            Notified{10},
            Ended{},
            Report{card, last, 3, true, {"n2", "n4"}},
            assignment,
            Stop{6, "why", 2},
            Finish{{Outcome::agent_lost, 1, "lost n3"}},
            Roster{last, "n1", 1, successors},
            Lead{3},
            Defer{"node n4 still has a coordinator"},
            Notify{10, 1790000000}};
}

TEST(Codec, brings_every_message_back) {
    const auto messages = every_message();
    ASSERT_EQ(messages.size(), std::variant_size_v<Message>);
    for (const Message& each : messages) {
        const auto back = decode(encode(each));
        ASSERT_TRUE(back) << back.error().text();
        EXPECT_TRUE(*back == each) << "kind " << each.index();
    }
}

TEST(Codec, cuts_the_middle_out_of_endless_text) {
    WorkerFailure failure;
    failure.traceback = "begin" + std::string(1 << 20, 'x') + "end";
    const auto back = decode(encode(Failed{0, failure}));
    ASSERT_TRUE(back);
    const auto& text = std::get<Failed>(*back).failure.traceback;
    EXPECT_LT(text.size(), kTextLimit + 100);
    EXPECT_TRUE(text.starts_with("begin") && text.ends_with("end"));
}

TEST(Codec, keeps_the_addresses_of_ten_thousand_nodes) {
    Assignment assignment;
    for (int node = 0; node < 10000; ++node)
        assignment.members.push_back("2001:db8::" + std::to_string(node));
    const std::string bytes = encode(assignment);
    EXPECT_LT(bytes.size(), kProvenLimit);
    const auto back = decode(bytes);
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(std::get<Assignment>(*back).members, assignment.members);
}

/// "successors" of a roster as CBOR, and "endpoints" beside it.
std::string roster(const std::string& names, const std::string& endpoints) {
    return "\x82\x66roster\xa2\x6asuccessors" + names + "\x69" + "endpoints" + endpoints;
}

TEST(Codec, takes_those_successors_of_a_roster_that_it_can_use) {
    const struct {
        const char* what;
        std::string bytes;
        std::vector<Successor> taken;
    } rosters[] = {
        {"one",
         roster("\x81\x42n2",
                "\x81\x4a"
                "10.0.0.2:7"),
         {{"n2", {"10.0.0.2", 7}}}},
        {"none", roster("\x80", "\x80"), {}},
        {"no lists at all", "\x82\x66roster\xa0", {}},
        {"more names than endpoints",
         roster("\x82\x42n2\x42n3",
                "\x81\x4a"
                "10.0.0.2:7"),
         {{"n2", {"10.0.0.2", 7}}}},
        {"more endpoints than names",
         roster("\x81\x42n2",
                "\x82\x4a"
                "10.0.0.2:7\x4a"
                "10.0.0.3:7"),
         {{"n2", {"10.0.0.2", 7}}}},
        {"an endpoint that is none: its name goes with it",
         roster("\x82\x42n2\x42n3",
                "\x82\x49"
                "[fe80::1:\x4a"
                "10.0.0.3:7"),
         {{"n3", {"10.0.0.3", 7}}}},
        {"a port that is none",
         roster("\x81\x42n2",
                "\x81\x4e"
                "10.0.0.2:99999"),
         {}},
    };
    for (const auto& [what, bytes, taken] : rosters) {
        const auto result = decode(bytes);
        ASSERT_TRUE(result) << what << ": " << result.error().text();
        EXPECT_EQ(std::get<Roster>(*result).successors, taken) << what;
    }
}

TEST(Codec, rejects_a_roster_wherever_it_is_cut) {
    const std::string whole =
        encode(Roster{{}, "n1", 1, {{"n2", {"10.0.0.2", 7}}, {"n3", {"::1", 7}}}});
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(decode(whole.substr(0, size))) << size << " of " << whole.size() << " bytes";
}

TEST(Codec, rejects_hostile_bytes_in_words) {
    const std::pair<const char*, std::string> kHostile[] = {
        {"nothing", ""},
        {"text", "hello"},
        {"an array of four billion", "\x9a\xff\xff\xff\xff"},
        {"an array of 2^64 - 1", "\x9b\xff\xff\xff\xff\xff\xff\xff\xff"},
        {"a text of 2^64 - 1", "\x82\x7b\xff\xff\xff\xff\xff\xff\xff\xff"},
        {"nested a million deep", std::string(1 << 20, '\x81')},
        {"maps nested a million deep", "\x82\x64ping" + std::string(1 << 20, '\xa1')},
        {"an unknown kind", "\x82\x64pong\xa0"},
        {"a field of a wrong type", "\x82\x67started\xa1\x65round\xf5"},
        {"a field out of range",
         "\x82\x67started\xa1\x65round\x1b\xff\xff\xff\xff\xff\xff\xff\xff"},
        {"an array in a field", "\x82\x67started\xa1\x65round\x81\x01"},
        {"a list of numbers",
         "\x82\x66"
         "assign\xa1\x67members\x81\x01"},
        {"an endless list",
         "\x82\x66"
         "assign\xa1\x67members\x9f" +
             std::string(1 << 20, '\x40') + "\xff"},
        {"a successor that is a number", roster("\x81\x07", "\x80")},
        {"successors in a list of lists", roster("\x81\x81\x42n2", "\x80")},
        {"successors as one text", roster("\x42n2", "\x80")},
        {"endless successors", roster("\x9f" + std::string(1 << 20, '\x40') + "\xff", "\x80")},
        {"four billion endpoints", roster("\x80", "\x9a\xff\xff\xff\xff")},
        {"a rank out of range", "\x82\x66report\xa1\x6agroup_rank\x1a\xff\xff\xff\xff"},
        {"a port out of range", "\x82\x65hello\xa1\x64port\x1a\x00\x01\x00\x00"},
        {"bytes after the end", encode(Ping{}) + "x"},
        {"three elements", "\x83\x64ping\xa0\xa0"},
    };
    for (const auto& [what, bytes] : kHostile) {
        const auto result = decode(bytes);
        ASSERT_FALSE(result) << what;
        EXPECT_TRUE(result.error().text().starts_with("not one of our messages: ")) << what;
    }
}

TEST(Codec, survives_mutated_messages) {
    std::mt19937 random(7);
    for (const Message& each : every_message()) {
        const std::string good = encode(each);
        for (int turn = 0; turn < 3000; ++turn) {
            std::string bytes = good;
            for (auto n = 1 + random() % 3; n > 0; --n) {
                bytes[random() % bytes.size()] = static_cast<char>(random());
            }
            if (random() % 4 == 0) bytes.resize(random() % bytes.size());
            static_cast<void>(decode(bytes));
        }
    }
}

TEST(Codec, ignores_fields_that_it_does_not_know) {
    const auto result = decode("\x82\x67started\xa2\x65round\x07\x64what\x01");
    ASSERT_TRUE(result);
    EXPECT_TRUE(*result == Message(Started{7}));
}

TEST(FrameReader, accepts_bytes_one_at_a_time) {
    const std::string stream = std::string(kPreamble) + frame("one") + frame("") + frame("three");
    FrameReader reader(100);
    std::vector<std::string> payloads;
    for (const char byte : stream) {
        reader.feed({&byte, 1});
        auto next = reader.next();
        ASSERT_TRUE(next);
        if (*next) payloads.push_back(**next);
    }
    EXPECT_EQ(payloads, (std::vector<std::string>{"one", "", "three"}));
}

TEST(FrameReader, accepts_everything_at_once) {
    FrameReader reader(1 << 20);
    reader.feed(kPreamble);
    std::string many;
    for (int i = 0; i < 1000; ++i)
        many += frame(std::string(200, 'x'));
    reader.feed(many);
    for (int i = 0; i < 1000; ++i)
        ASSERT_TRUE(*reader.next());
    EXPECT_FALSE(*reader.next());
}

TEST(FrameReader, refuses_other_protocols_at_the_first_wrong_byte) {
    for (const std::string& bytes :
         {std::string("GET / HTTP/1.0"), std::string("\0\xCE\xF7\x85", 4), std::string("\xE5X")}) {
        FrameReader reader(100);
        reader.feed(bytes);
        EXPECT_FALSE(reader.next());
    }
}

TEST(FrameReader, tells_foreign_agents_from_other_strangers) {
    struct {
        const char* what;
        std::string bytes;
        bool agent;
        const char* words;
    } const kStrangers[] = {
        {"a newer torchelastic", "\xE5TELAST\x02", true,
         "the peer speaks version 2 of the agents' protocol, this node version 1: use the same "
         "release of torchelastic on all nodes"},
        {"torchrun", std::string("\0\xCE", 2), true,
         "the peer speaks the protocol of torch's store, as torchrun's agents do: start "
         "torchelastic on all nodes"},
        {"a browser", "GET / HTTP/1.0", false,
         "the peer does not speak our protocol: it began with 'GET / HT'"},
        {"somebody who knows half of it", "\xE5TEL\x01", false,
         "the peer does not speak our protocol: it began with '\\xe5TEL\\x01'"},
    };
    for (const auto& each : kStrangers) {
        FrameReader reader(100);
        reader.feed(each.bytes);
        const auto next = reader.next();
        ASSERT_FALSE(next) << each.what;
        EXPECT_EQ(next.error().text(), each.words);
        EXPECT_EQ(reader.met_foreign_agent(), each.agent) << each.what;
    }
}

TEST(FrameReader, refuses_a_frame_over_the_limit_before_it_arrives) {
    FrameReader reader(100);
    reader.feed(kPreamble);
    reader.feed(std::string("\x7f\xff\xff\xff", 4));
    const auto next = reader.next();
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().text(), "a frame of 2147483647 bytes is over the limit of 100");
}

TEST(Handshake, proves_both_sides_to_each_other) {
    ClientHandshake client("secret", "7.0.0", random_nonce());
    ServerHandshake server("secret", "7.0.0", random_nonce());
    const auto answer = server.answer(client.challenge());
    ASSERT_TRUE(answer);
    const auto proof = client.prove(*answer);
    ASSERT_TRUE(proof);
    EXPECT_TRUE(server.check(*proof));
}

TEST(Handshake, fails_with_another_token_on_either_side) {
    ClientHandshake client("secret", "7.0.0", random_nonce());
    ServerHandshake server("other", "7.0.0", random_nonce());
    const auto answer = server.answer(client.challenge());
    ASSERT_TRUE(answer);
    EXPECT_EQ(client.prove(*answer).error().text(), "the peer does not hold this job's token");
    EXPECT_EQ(server.check(std::string(32, 'x')).error().text(),
              "the peer does not hold this job's token");
}

TEST(Handshake, cannot_be_replayed_or_reflected) {
    ClientHandshake client("secret", "7.0.0", random_nonce());
    ServerHandshake server("secret", "7.0.0", random_nonce());
    const auto answer = server.answer(client.challenge());
    const auto proof = client.prove(*answer);
    ServerHandshake later("secret", "7.0.0", random_nonce());
    ASSERT_TRUE(later.answer(client.challenge()));
    EXPECT_FALSE(later.check(*proof)) << "an old proof was accepted";
    EXPECT_FALSE(server.check(answer->substr(32))) << "the server's own proof was accepted";
}

TEST(Handshake, says_that_the_peer_belongs_to_another_run) {
    ClientHandshake client("secret", "8.0.0", random_nonce());
    ServerHandshake server("secret", "7.0.0", random_nonce());
    EXPECT_EQ(server.answer(client.challenge()).error().text(),
              "the peer belongs to run 8.0.0, this is 7.0.0");
    EXPECT_FALSE(server.answer("short"));
}

}  // namespace
}  // namespace torchelastic::wire
