// Business cards: what is written comes back, what is not one of ours is refused in one line.
#include <random>

#include <gtest/gtest.h>

#include "rdzv/business_card.h"
#include "rdzv/own_addresses.h"

namespace torchelastic::rdzv {
namespace {

BusinessCard card(const std::string& node, std::vector<std::string> addresses) {
    return {node, std::move(addresses), 20001, "00ff", "7e"};
}

TEST(OwnAddresses, are_those_that_lead_here_ipv4_first) {
    EXPECT_EQ(own_addresses({{.name = "lo", .address = "127.0.0.1", .loopback = true},
                             {.name = "eth0", .address = "2001:db8::1"},
                             {.name = "eth0", .address = "fe80::1", .link_local = true},
                             {.name = "bmc", .address = "169.254.3.1", .link_local = true},
                             {.name = "eth1", .address = "10.9.0.1", .up = false},
                             {.name = "eth0", .address = "10.0.0.1"}}),
              (std::vector<std::string>{"10.0.0.1", "2001:db8::1"}));
}

TEST(BusinessCard, comes_back_as_it_was) {
    const BusinessCard sent = card("node-1.cluster", {"10.77.0.1", "fd00::1", "::ffff:10.0.0.1"});
    const auto read = decode_card(encode(sent));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(*read, sent);
    EXPECT_LT(encode(sent).size(), 200U);
}

TEST(BusinessCard, may_say_more_than_this_release_knows) {
    const BusinessCard sent = card("n1", {"10.77.0.1"});
    const auto read = decode_card(encode(sent) + "colour blue\nflag\n\n");
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(*read, sent);
}

struct Refusal {
    std::string bytes;
    std::string why;
};

TEST(BusinessCard, refuses_what_is_none) {
    const std::string title = "torchelastic business card 1\n";
    const std::string good = encode(card("n1", {"10.77.0.1"}));
    const Refusal refusals[] = {
        {"", "it begins with ''"},
        {"torchelastic business card 2\nnode n1\n",
         "it begins with 'torchelastic business card 2'"},
        {std::string("\x1b[2J\0", 5), "it begins with '\\x1b[2J\\x00'"},
        {title, "node, port, token and run are not all there"},
        {good + "port 0\n", "bad port: '0'"},
        {good + "port 65536\n", "bad port: '65536'"},
        {good + "port", "bad port: ''"},
        {good + "node a/b\n", "bad node: 'a/b'"},
        {good + "node ..\x01\n", "bad node: '..\\x01'"},
        {good + "node " + std::string(256, 'x'), "bad node: '" + std::string(64, 'x') + "...'"},
        {good + "address n1\n", "bad address: 'n1'"},
        {good + "address 10.77.0.1:80\n", "bad address: '10.77.0.1:80'"},
        {good + "token secret\n", "bad token: 'secret'"},
        {good + "run \n", "bad run: ''"},
        {good + std::string(8192, '\n'), "it has " + std::to_string(good.size() + 8192) + " bytes"},
    };
    for (const Refusal& each : refusals) {
        const auto read = decode_card(each.bytes);
        ASSERT_FALSE(read) << each.why;
        EXPECT_EQ(read.error().text(), "not a business card of this release: " + each.why);
    }
}

TEST(BusinessCard, holds_so_many_addresses_and_no_more) {
    const std::vector<std::string> most(64, "10.0.0.1");
    EXPECT_TRUE(decode_card(encode(card("n1", most))));
    EXPECT_FALSE(decode_card(encode(card("n1", most)) + "address 10.0.0.1\n"));
}

TEST(BusinessCard, survives_every_cut_and_many_scratches) {
    const std::string good = encode(card("n1", {"10.77.0.1", "fd00::1"}));
    for (std::size_t size = 0; size < good.size(); ++size)
        static_cast<void>(decode_card(std::string_view(good).substr(0, size)));
    std::mt19937 random(7);
    for (int i = 0; i < 20000; ++i) {
        std::string bytes = good;
        for (int scratches = 0; scratches < 3; ++scratches)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        const auto read = decode_card(bytes);
        EXPECT_TRUE(!read || decode_card(encode(*read)));
    }
}

TEST(Cards, tell_an_address_of_one_node_from_a_bridge_that_each_has) {
    const std::vector<BusinessCard> cards = {card("a", {"172.17.0.1", "10.0.0.1", "fd00::1"}),
                                             card("b", {"10.0.0.2", "172.17.0.1"}),
                                             card("c", {"10.0.0.3"})};
    EXPECT_EQ(distinct_addresses(cards, 0), (std::vector<std::string>{"10.0.0.1", "fd00::1"}));
    EXPECT_EQ(distinct_addresses(cards, 1), (std::vector<std::string>{"10.0.0.2"}));
}

}  // namespace
}  // namespace torchelastic::rdzv
