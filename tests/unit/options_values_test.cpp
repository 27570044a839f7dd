// The small languages inside option values.
#include <cmath>
#include <csignal>
#include <limits>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "options/values.h"

namespace torchelastic::options {
namespace {

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
    EXPECT_EQ(parse_workers("xpu")->from, From::xpu);
    for (const char* text : {"", "foo", "1.5", "0", "-1", "-2", "GPU", "xpus", "99999999999"}) {
        EXPECT_EQ(error_of(parse_workers(text)),
                  "'" + std::string(text) +
                      "' is not a number of workers: at least 1, or auto, gpu, cpu or xpu");
    }
}

TEST(Workers, are_not_more_than_any_machine_can_have) {
    EXPECT_EQ(parse_workers("65536")->number, 65536);
    EXPECT_EQ(error_of(parse_workers("65537")),
              "'65537' is more than the 65536 workers that a node may have");
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

TEST(EventLog, is_nowhere_a_console_or_a_file) {
    using To = EventLog::To;
    EXPECT_EQ(*parse_event_log("null"), EventLog{});
    EXPECT_EQ(*parse_event_log("dynamic_rendezvous"), EventLog{});
    EXPECT_EQ(*parse_event_log("console"), (EventLog{To::console, ""}));
    EXPECT_EQ(*parse_event_log("file"), (EventLog{To::file, ""}));
    EXPECT_EQ(*parse_event_log("file:/a:b"), (EventLog{To::file, "/a:b"}));
    for (const char* text : {"", "x", "File", "file:", "console:", "files"}) {
        EXPECT_EQ(
            error_of(parse_event_log(text)),
            "'" + std::string(text) + "' is no place for events: null, console, file or file:PATH");
    }
}

TEST(NumaBinding, is_one_of_four) {
    EXPECT_EQ(*parse_numa_binding("node"), NumaBinding::node);
    EXPECT_EQ(*parse_numa_binding("socket"), NumaBinding::socket);
    EXPECT_EQ(*parse_numa_binding("exclusive"), NumaBinding::exclusive);
    EXPECT_EQ(*parse_numa_binding("core-complex"), NumaBinding::core_complex);
    EXPECT_EQ(error_of(parse_numa_binding("core_complex")),
              "invalid choice: 'core_complex' (choose from 'node', 'socket', 'exclusive', "
              "'core-complex')");
}

TEST(Filters, are_texts_between_single_commas) {
    using Texts = std::vector<std::string>;
    EXPECT_EQ(parse_filters("a"), (Texts{"a"}));
    EXPECT_EQ(parse_filters("a, b"), (Texts{"a", " b"}));
    EXPECT_EQ(parse_filters("a,,b,c"), (Texts{"a,b", "c"}));
    EXPECT_EQ(parse_filters("a,,,b"), (Texts{"a,", "b"}));
    EXPECT_EQ(parse_filters(",,"), (Texts{","}));
    EXPECT_EQ(parse_filters(""), (Texts{""}));
    EXPECT_EQ(parse_filters(","), (Texts{"", ""}));
    EXPECT_EQ(parse_filters("\xff\x01"), (Texts{"\xff\x01"}));
}

TEST(Signals, are_those_that_may_stop_a_job) {
    using Names = std::vector<std::string>;
    EXPECT_EQ(parse_signals(" SIGTERM,SIGUSR1 , SIGRTMIN+1"),
              (SignalList{{SIGTERM, SIGUSR1, SIGRTMIN + 1}, {}}));
    EXPECT_EQ(parse_signals("SIGINT,SIGFOO,sigterm,15,TERM,SIGKILL"),
              (SignalList{{SIGINT}, Names{"SIGFOO", "sigterm", "15", "TERM", "SIGKILL"}}));
    EXPECT_EQ(parse_signals("SIGSTOP,SIGCHLD,SIGCLD,SIGSEGV,SIGBUS,SIGILL,SIGFPE").signals,
              std::set<int>{});
    EXPECT_EQ(parse_signals(""), SignalList{});
    EXPECT_EQ(parse_signals(",,SIGHUP,"), (SignalList{{SIGHUP}, {}}));
}

TEST(Values, survive_random_bytes) {
    std::mt19937 random(7);
    const std::string alphabet = "0123456789:,=-+_. eaxinfsigterm\xff\x01";
    for (int round = 0; round < 10000; ++round) {
        std::string text(random() % 24, '\0');
        for (char& c : text)
            c = alphabet[random() % alphabet.size()];
        (void)python_int(text);
        (void)python_float(text);
        (void)truth(text);
        (void)parse_ranks(text);
        (void)parse_streams(text);
        (void)parse_event_log(text);
        (void)parse_filters(text);
        (void)parse_signals(text);
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
}

TEST(Ports, are_a_range_or_one) {
    EXPECT_EQ(parse_ports("1-65535"), (PortRange{1, 65535}));
    EXPECT_EQ(parse_ports("7"), (PortRange{7, 7}));
    for (const char* text : {"", "-", "7-", "-7", "0-4", "5-4", "1-65536", "1-2-3", "a-b", "1:2"}) {
        const auto range = parse_ports(text);
        ASSERT_FALSE(range) << text;
        EXPECT_EQ(range.error().text(),
                  in_quotes(text) + " is not LOW-HIGH, two ports from 1 to 65535");
    }
}

}  // namespace
}  // namespace torchelastic::options
