// The small languages inside option values.
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "options/values.h"

namespace torchelastic::options {
namespace {

using namespace std::chrono_literals;

template <class T>
std::string error_of(const Result<T>& result) {
    return result ? "no error" : result.error().text();
}

TEST(PythonInt, reads_what_python_reads) {
    const std::pair<const char*, std::int64_t> numbers[] = {
        {"7", 7},   {" 7\t\n", 7},   {"+7", 7},     {"-7", -7},
        {"007", 7}, {"1_000", 1000}, {"-1_0", -10}, {"9223372036854775807", INT64_MAX}};
    for (const auto& [text, number] : numbers)
        EXPECT_EQ(python_int(text), number) << text;
    for (const char* text : {"", " ", "0x10", "1.5", "_1", "1_", "1__0", "+-1", "- 1", "1 0", "x",
                             "1e3", "9223372036854775808"}) {
        EXPECT_FALSE(python_int(text)) << text;
    }
}

TEST(PythonFloat, reads_what_python_reads) {
    const std::pair<const char*, double> numbers[] = {{"0.1", 0.1},        {"1e-2", 0.01},
                                                      {" 5 ", 5},          {"+.5", 0.5},
                                                      {"5.", 5},           {"-1", -1},
                                                      {"1_0.5", 10.5},     {"1e1_0", 1e10},
                                                      {"inf", INFINITY},   {"-Infinity", -INFINITY},
                                                      {"1e999", INFINITY}, {"1e-999", 0}};
    for (const auto& [text, number] : numbers)
        EXPECT_EQ(python_float(text), number) << text;
    EXPECT_TRUE(std::isnan(python_float("nan").value()));
    for (const char* text :
         {"", ".", "x", "0x10", "1,5", "1e", "+-1", "nan(1)", "_1", "1._5", "1 2", "--1"}) {
        EXPECT_FALSE(python_float(text)) << text;
    }
}

TEST(Truth, is_torchruns_int_or_a_word) {
    for (const char* text : {"1", "2", "-1", " 1 ", "true", "True", "YES", "on", "t", "y"}) {
        EXPECT_EQ(truth(text), true) << text;
    }
    for (const char* text : {"0", "00", "-0", "false", "FALSE", "no", "off", "f", "n"}) {
        EXPECT_EQ(truth(text), false) << text;
    }
    for (const char* text : {"", " ", "maybe", "1.0", "0x1", "truetrue", "(null)"}) {
        EXPECT_FALSE(truth(text)) << text;
    }
}

TEST(Nodes, are_a_number_or_a_range) {
    EXPECT_EQ(*parse_nodes("4"), (NodeRange{4, 4}));
    EXPECT_EQ(*parse_nodes("1:4"), (NodeRange{1, 4}));
    EXPECT_EQ(*parse_nodes(" 2 : +3 "), (NodeRange{2, 3}));
    for (const char* text : {"", "abc", "1:", ":1", ":", "1:2:3", "1.5", "-1", "1-4", "2:-3",
                             "99999999999", "9999999999999999999999"}) {
        EXPECT_EQ(error_of(parse_nodes(text)),
                  "'" + std::string(text) + "' is neither a number of nodes nor MIN:MAX");
    }
    EXPECT_EQ(error_of(parse_nodes("0")), "'0' asks for no node: at least 1");
    EXPECT_EQ(error_of(parse_nodes("0:2")), "'0:2' asks for no node: at least 1");
    EXPECT_EQ(error_of(parse_nodes("3:2")), "'3:2' asks for at least 3 and at most 2 nodes");
}

TEST(Workers, are_a_number_or_counted_by_the_agent) {
    using From = WorkersPerNode::From;
    EXPECT_EQ(*parse_workers(" 8 "), (WorkersPerNode{From::number, 8}));
    EXPECT_EQ(parse_workers("auto")->from, From::automatic);
    EXPECT_EQ(parse_workers("gpu")->from, From::devices);
    EXPECT_EQ(parse_workers("cpu")->from, From::cpus);
    for (const char* text : {"", "foo", "1.5", "0", "-1", "-2", "GPU", "xpu", "99999999999"}) {
        EXPECT_EQ(error_of(parse_workers(text)),
                  "'" + std::string(text) +
                      "' is not a number of workers: at least 1, or auto, gpu or cpu");
    }
}

TEST(StreamMap, is_one_mask_for_all_or_masks_by_rank) {
    EXPECT_EQ(parse_streams("0")->of(5), (Streams{false, false}));
    EXPECT_EQ(parse_streams("1")->of(0), (Streams{true, false}));
    EXPECT_EQ(parse_streams("2")->of(9), (Streams{false, true}));
    EXPECT_EQ(parse_streams("3")->of(0), (Streams{true, true}));

    const auto map = parse_streams("0:3,12:1,0:2");
    ASSERT_TRUE(map);
    EXPECT_EQ(map->of(0), (Streams{false, true}));
    EXPECT_EQ(map->of(12), (Streams{true, false}));
    EXPECT_EQ(map->of(1), (Streams{false, false}));
}

TEST(StreamMap, refuses_everything_else) {
    for (const char* text : {"", "4", "33", "-1", "0:1,", ",0:1", "0:4", "0:", ":1", "0:1:2", " 3",
                             "3 ", "a:1", "-1:1", "+1:1", "0:1, 1:1", "99999999999:1"}) {
        EXPECT_TRUE(error_of(parse_streams(text)).ends_with("by local rank, as in 0:3,1:2"))
            << text;
    }
}

TEST(Ranks, are_a_list) {
    EXPECT_EQ(*parse_ranks("0,1,2"), (std::set<int>{0, 1, 2}));
    EXPECT_EQ(*parse_ranks("12, 3,3"), (std::set<int>{3, 12}));
    for (const char* text : {"", "a,b", "1,", "-1", "0-3", "1.5", "1;2"}) {
        EXPECT_EQ(error_of(parse_ranks(text)),
                  "'" + std::string(text) + "' is not a list of local ranks, as in 0,1,2");
    }
}

TEST(RendezvousConf, reads_its_keys) {
    EXPECT_EQ(*parse_rendezvous_conf(""), RendezvousConf{});
    EXPECT_EQ(*parse_rendezvous_conf("  "), RendezvousConf{});
    const auto conf = parse_rendezvous_conf(
        " join_timeout = 5 ,keep_alive_interval=0.25,keep_alive_max_attempt=9,"
        "port_range=29500-29600,pmix_timeout=5");
    ASSERT_TRUE(conf) << conf.error().text();
    EXPECT_EQ(conf->join_timeout, 5s);
    EXPECT_EQ(conf->keep_alive_interval, 250ms);
    EXPECT_EQ(conf->keep_alive_max_attempt, 9);
    EXPECT_EQ(conf->port_range, (std::pair<std::uint16_t, std::uint16_t>{29500, 29600}));
    EXPECT_EQ(conf->pmix_timeout, 5s);
    EXPECT_EQ(parse_rendezvous_conf("port_range=7")->port_range,
              (std::pair<std::uint16_t, std::uint16_t>{7, 7}));
    EXPECT_EQ(parse_rendezvous_conf("join_timeout=5,join_timeout=6")->join_timeout, 6s);
}

TEST(RendezvousConf, says_what_is_wrong) {
    const std::string known =
        "known are join_timeout, keep_alive_interval, keep_alive_max_attempt, port_range, "
        "pmix_timeout";
    const std::pair<const char*, std::string> cases[] = {
        {"=b", "'=b' is not in the form KEY=VALUE,..."},
        {"join_timeout=1,", "'join_timeout=1,' is not in the form KEY=VALUE,..."},
        {",", "',' is not in the form KEY=VALUE,..."},
        {"join_timeout", "the key 'join_timeout' must have a value"},
        {"join_timeout= ", "the key 'join_timeout' must have a value"},
        {"join_timeot=5", "the key 'join_timeot' is unknown; " + known},
        {"a", "the key 'a' is unknown; " + known},
        {"'join_timeout=5'", "the key ''join_timeout' is unknown; " + known},
        {"JOIN_TIMEOUT=5", "the key 'JOIN_TIMEOUT' is unknown; " + known},
        {"join_timeout=x", "join_timeout takes a whole number of seconds above 0, not 'x'"},
        {"join_timeout=0", "join_timeout takes a whole number of seconds above 0, not '0'"},
        {"join_timeout=1=2", "join_timeout takes a whole number of seconds above 0, not '1=2'"},
        {"keep_alive_interval=nan",
         "keep_alive_interval takes a number of seconds above 0, not 'nan'"},
        {"keep_alive_interval=inf",
         "keep_alive_interval takes a number of seconds above 0, not 'inf'"},
        {"keep_alive_interval=0", "keep_alive_interval takes a number of seconds above 0, not '0'"},
        {"keep_alive_max_attempt=-1",
         "keep_alive_max_attempt takes a whole number above 0, not '-1'"},
        {"port_range=5-4", "port_range takes LOW-HIGH, two ports from 1 to 65535, not '5-4'"},
        {"port_range=0-4", "port_range takes LOW-HIGH, two ports from 1 to 65535, not '0-4'"},
        {"port_range=1-65536",
         "port_range takes LOW-HIGH, two ports from 1 to 65535, not '1-65536'"},
        {"pmix_timeout=0", "pmix_timeout takes a whole number of seconds above 0, not '0'"},
        {"port_range=1-2-3", "port_range takes LOW-HIGH, two ports from 1 to 65535, not '1-2-3'"},
    };
    for (const auto& [text, expected] : cases) {
        EXPECT_EQ(error_of(parse_rendezvous_conf(text)), expected);
    }
}

TEST(Values, survive_random_bytes) {
    std::mt19937 random(7);
    const std::string alphabet = "0123456789:,=-+_. eaxinfport_range\xff\x01";
    for (int round = 0; round < 10000; ++round) {
        std::string text(random() % 24, '\0');
        for (char& c : text)
            c = alphabet[random() % alphabet.size()];
        if (random() % 4 == 0) text.insert(0, "join_timeout=");
        (void)python_int(text);
        (void)python_float(text);
        (void)truth(text);
        (void)parse_ranks(text);
        (void)parse_streams(text);
        (void)parse_rendezvous_conf(text);
        if (const auto nodes = parse_nodes(text)) {
            ASSERT_LE(nodes->min, nodes->max) << text;
        }
        if (const auto workers = parse_workers(text)) {
            ASSERT_GE(workers->number, 0) << text;
        }
    }
}

TEST(Values, show_long_text_cut) {
    EXPECT_LT(error_of(parse_nodes(std::string(1 << 20, '9'))).size(), 300U);
    EXPECT_LT(error_of(parse_rendezvous_conf(std::string(1 << 20, 'k'))).size(), 400U);
}

}  // namespace
}  // namespace torchelastic::options
