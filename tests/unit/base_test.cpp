// Text, endpoints and errors.
#include <csignal>

#include <gtest/gtest.h>

#include "base/cpus.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "base/signal_name.h"
#include "base/text.h"

namespace torchelastic {
namespace {

TEST(Error, grows_outward) {
    EXPECT_EQ(Error::from_errno("enter /scratch/j1", 13).because("start train.py").text(),
              "start train.py: enter /scratch/j1: permission denied");
}

TEST(CpuList, is_written_as_the_kernel_does) {
    EXPECT_EQ(cpu_list({}), "");
    EXPECT_EQ(cpu_list({7}), "7");
    EXPECT_EQ(cpu_list({0, 1, 2, 3, 8, 10, 11}), "0-3,8,10-11");
}

TEST(Text, splits_keeping_empty_pieces) {
    EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
    EXPECT_EQ(split("", ','), std::vector<std::string>{""});
}

TEST(Text, parses_whole_numbers_only) {
    EXPECT_EQ(parse_int("-7"), -7);
    EXPECT_EQ(parse_int("+7"), 7);
    for (const char* text : {"", "x", "1.5", "0x10", " 1", "1 ", "+-1", "9999999999999999999"}) {
        EXPECT_FALSE(parse_int(text)) << text;
    }
}

TEST(Text, counts_in_words) {
    EXPECT_EQ(count(1, "worker"), "1 worker");
    EXPECT_EQ(count(12, "worker"), "12 workers");
}

TEST(Text, makes_hostile_bytes_printable) {
    EXPECT_EQ(printable("caf\xc3\xa9\n\x1b[2J\xff"), "caf\xc3\xa9\\x0a\\x1b[2J\\xff");
    EXPECT_EQ(printable("\xc0\xaf\xed\xa0\x80"), "\\xc0\\xaf\\xed\\xa0\\x80");
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m\xc2\xa0"),
              "\\xc2\\x9b31m\xc2\xa0");
    EXPECT_EQ(printable("abcdef", 3), "abc...");
}

TEST(SignalName, is_the_one_people_know) {
    EXPECT_EQ(signal_name(SIGTERM), "SIGTERM");
    EXPECT_EQ(signal_name(SIGABRT), "SIGABRT");
    EXPECT_EQ(signal_name(SIGRTMIN + 2), "SIGRTMIN+2");
    EXPECT_EQ(signal_name(SIGRTMAX), "SIGRTMAX");
    EXPECT_EQ(signal_name(0), "signal 0");
    EXPECT_EQ(signal_name(1000), "signal 1000");
}

TEST(SignalNumber, is_of_a_name_that_python_has_too) {
    for (int number = 1; number <= SIGRTMAX; ++number) {
        const std::string name = signal_name(number);
        if (name.starts_with("SIG")) {
            EXPECT_EQ(signal_number(name), number) << name;
        } else {
            EXPECT_EQ(signal_number(name), std::nullopt) << name;
        }
    }
    EXPECT_EQ(signal_number("SIGIO"), SIGPOLL);
    EXPECT_EQ(signal_number("SIGCLD"), SIGCHLD);
    for (const char* name : {"", "SIG", "TERM", "sigterm", "15", "SIGTERM ", "signal 33"}) {
        EXPECT_EQ(signal_number(name), std::nullopt) << name;
    }
}

TEST(SignalMeaning, is_told_where_the_name_does_not) {
    EXPECT_EQ(signal_meaning(SIGSEGV), "invalid memory reference");
    EXPECT_EQ(signal_meaning(SIGKILL), "");
    EXPECT_EQ(signal_meaning(SIGRTMIN), "");
}

TEST(Endpoint, is_read_as_torchrun_reads_it) {
    EXPECT_EQ(*parse_endpoint("dummy.com:123", 9), (Endpoint{"dummy.com", 123}));
    EXPECT_EQ(*parse_endpoint("[2001:db8::1]:123", 9), (Endpoint{"2001:db8::1", 123}));
    EXPECT_EQ(*parse_endpoint("[2001:db8::1]", 9), (Endpoint{"2001:db8::1", 9}));
    EXPECT_EQ(*parse_endpoint(" dummy ", 9), (Endpoint{"dummy", 9}));
    for (const char* text : {"", "~", "dummy.com :123", ":123", "a:", "a:abc", "a:-1", "a:65536",
                             "a:+1", "a:000001", "bad host:12"}) {
        EXPECT_FALSE(parse_endpoint(text, 9)) << text;
    }
}

TEST(Endpoint, is_printed_with_brackets_for_ipv6) {
    EXPECT_EQ(to_string({"::1", 5}), "[::1]:5");
    EXPECT_EQ(to_string({"10.0.0.1", 5}), "10.0.0.1:5");
    EXPECT_EQ(plain_address("::ffff:10.0.0.1"), "10.0.0.1");
    EXPECT_EQ(plain_address("::1"), "::1");
}

TEST(NumericAddress, is_told_from_a_name) {
    for (const char* address : {"127.0.0.1", "::1", "::ffff:10.0.0.1", "2001:db8::7"}) {
        EXPECT_TRUE(is_numeric_address(address)) << address;
    }
    for (const char* name : {"", "localhost", "n1", "10.0.0", "[::1]", "10.0.0.1:80"}) {
        EXPECT_FALSE(is_numeric_address(name)) << name;
    }
}

}  // namespace
}  // namespace torchelastic
