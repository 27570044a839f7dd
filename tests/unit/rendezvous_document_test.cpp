// docs/rendezvous.md held against the code: the fields of messages, the tables of decisions and the
// bytes of its example. After a change, these tests' output is what the document has to say.
#include <fstream>
#include <iterator>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "agent/lifecycle.h"
#include "coordinator/coordinator.h"
#include "wire/codec.h"
#include "wire/frame.h"
#include "wire/handshake.h"

namespace torchelastic {
namespace {

using namespace coordinator;

constexpr std::size_t kBytesPerLine = 16;

std::string document() {
    std::ifstream file(DOCS "/rendezvous.md");
    return {std::istreambuf_iterator<char>(file), {}};
}

bool holds(const std::string& text) {
    return document().find("\n" + text + "\n") != std::string::npos;
}

TEST(RendezvousDocument, has_the_tables_of_decisions) {
    EXPECT_TRUE(holds(Coordinator::table())) << Coordinator::table();
    EXPECT_TRUE(holds(agent::Lifecycle::table())) << agent::Lifecycle::table();
    EXPECT_EQ(Coordinator::table().find('?'), std::string::npos) << "a handler has no name";
    EXPECT_EQ(agent::Lifecycle::table().find('?'), std::string::npos) << "a handler has no name";
}

/// The meanings are the document's own.
TEST(RendezvousDocument, has_all_fields_of_all_messages_in_order) {
    std::string expected;
    for (const wire::FieldOnWire& each : wire::fields_on_wire())
        expected += "| `" + each.kind + "` | `" + each.name + "` | " + each.type + " |\n";
    std::string found;
    std::istringstream lines(document());
    for (std::string line; std::getline(lines, line);) {
        std::size_t end = 0;
        for (int bar = 0; bar < 4 && end != std::string::npos; ++bar)
            end = line.find('|', end + (bar == 0 ? 0 : 1));
        if (!line.starts_with("| `") || end == std::string::npos) continue;
        found += line.substr(0, end + 1) + "\n";
    }
    EXPECT_EQ(found, expected);
}

/// What one side of the example sends: the document's lines "C: e5 54 ... text", without the text.
std::string sent_by(char side) {
    std::string bytes;
    std::istringstream lines(document());
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(std::string("    ") + side + ": ")) continue;
        std::istringstream pieces(line.substr(7, kBytesPerLine * 3));
        for (std::string piece; pieces >> piece;)
            bytes.push_back(static_cast<char>(std::stoi(piece, nullptr, 16)));
    }
    return bytes;
}

/// The payloads in `bytes`, to the last one.
std::vector<std::string> payloads(const std::string& bytes) {
    wire::FrameReader reader(wire::kProvenLimit);
    reader.feed(bytes);
    std::vector<std::string> all;
    while (true) {
        auto next = reader.next();
        EXPECT_TRUE(next) << next.error().text();
        if (!next || !*next) return all;
        all.push_back(**next);
    }
}

std::string counting_up(unsigned char first) {
    std::string nonce;
    for (unsigned char i = 0; i < 32; ++i)
        nonce.push_back(static_cast<char>(first + i));
    return nonce;
}

struct Piece {
    char side;
    std::string bytes;
};

/// The example as the code has it: token "secret", run 7.0.0, nonces that count up.
std::vector<Piece> example() {
    wire::ClientHandshake client("secret", "7.0.0", counting_up(0x00));
    wire::ServerHandshake server("secret", "7.0.0", counting_up(0x80));
    const std::string answer = server.answer(client.challenge()).value();
    std::vector<Piece> all = {{'C', std::string(wire::kPreamble)},
                              {'C', wire::frame(client.challenge())},
                              {'S', std::string(wire::kPreamble)},
                              {'S', wire::frame(answer)},
                              {'C', wire::frame(client.prove(answer).value())}};
    const auto say = [&](char side, const wire::Message& message) {
        all.push_back({side, wire::frame(wire::encode(message))});
    };
    Card card{.id = "n2", .address = "10.0.0.2", .order = 1, .workers = 2, .pid = 4711};
    card.other_addresses = {"fd00::2"};
    card.port = 29105;
    say('C', Hello{card});
    say('C', Ready{40000, true});
    Roster roster;
    roster.last = {.number = 0, .since = 0, .group_size = 2};
    roster.coordinator = "n1";
    roster.group_rank = 1;
    roster.successors = {{"n2", {"10.0.0.2", 29105}}};
    say('S', roster);
    Assignment assignment{.group_rank = 1, .group_world_size = 2, .first_rank = 2};
    assignment.world_size = 4;
    assignment.first_role_rank = 2;
    assignment.role_world_size = 4;
    assignment.master_address = "10.0.0.1";
    assignment.master_port = 40001;
    assignment.run_id = "7.0.0";
    say('S', assignment);
    say('C', Started{0});
    say('C', Succeeded{0});
    say('S', Finish{{Outcome::succeeded, 0, "all workers succeeded"}});
    say('C', Ended{});
    return all;
}

/// As the document shows it.
std::string dump(const std::vector<Piece>& pieces) {
    std::string out;
    for (const auto& [side, bytes] : pieces) {
        for (std::size_t at = 0; at < bytes.size(); at += kBytesPerLine) {
            std::string digits;
            std::string shown;
            for (const char each : bytes.substr(at, kBytesPerLine)) {
                digits += fmt::format("{:02x} ", static_cast<unsigned char>(each));
                shown.push_back(each >= ' ' && each <= '~' ? each : '.');
            }
            out += fmt::format("    {}: {:48} {}\n", side, digits, shown);
        }
        out += "\n";
    }
    return out;
}

TEST(RendezvousDocument, shows_bytes_that_the_code_sends) {
    std::string client;
    std::string server;
    for (const auto& [side, bytes] : example())
        (side == 'C' ? client : server) += bytes;
    EXPECT_TRUE(sent_by('C') == client) << dump(example());
    EXPECT_TRUE(sent_by('S') == server) << dump(example());
}

TEST(RendezvousDocument, shows_bytes_that_the_code_understands) {
    const auto client = payloads(sent_by('C'));
    const auto server = payloads(sent_by('S'));
    ASSERT_EQ(client.size(), 7U);
    ASSERT_EQ(server.size(), 4U);
    wire::ServerHandshake handshake("secret", "7.0.0", counting_up(0x80));
    EXPECT_EQ(handshake.answer(client[0]).value(), server[0]);
    EXPECT_TRUE(handshake.check(client[1]));
    const auto is = [](const std::string& payload, const wire::Message& message) {
        const auto read = wire::decode(payload);
        return read && *read == message;
    };
    const auto hello = wire::decode(client[2]);
    ASSERT_TRUE(hello) << hello.error().text();
    EXPECT_EQ(std::get<Hello>(*hello).card.id, "n2");
    EXPECT_TRUE(is(client[3], Ready{40000, true}));
    EXPECT_TRUE(is(client[4], Started{0}));
    EXPECT_TRUE(is(client[5], Succeeded{0}));
    EXPECT_TRUE(is(client[6], Ended{}));
    const auto roster = wire::decode(server[1]);
    ASSERT_TRUE(roster) << roster.error().text();
    const std::vector<Successor> successors = {{"n2", {"10.0.0.2", 29105}}};
    EXPECT_EQ(std::get<Roster>(*roster).successors, successors);
    const auto assignment = wire::decode(server[2]);
    ASSERT_TRUE(assignment) << assignment.error().text();
    EXPECT_EQ(std::get<Assignment>(*assignment).world_size, 4);
    EXPECT_TRUE(is(server[3], Finish{{Outcome::succeeded, 0, "all workers succeeded"}}));
}

}  // namespace
}  // namespace torchelastic
