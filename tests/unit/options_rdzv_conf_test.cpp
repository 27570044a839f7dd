// --rdzv-conf: its grammar, its keys and what is said about wrong ones.
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "options/rdzv_conf.h"

namespace torchelastic::options {
namespace {

using namespace std::chrono_literals;

template <class T>
std::string error_of(const Result<T>& result) {
    return result ? "no error" : result.error().text();
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
        "pmix_timeout, last_call_timeout, is_host, protocol, ssl_cert, ssl_cert_key, ca_cert, "
        "cert, key, cacert, etcd_prefix, timeout, close_timeout, heartbeat_timeout, read_timeout, "
        "store_type, use_libuv, rank";
    const std::pair<const char*, std::string> cases[] = {
        {"=b", "'=b' is not in the form KEY=VALUE,..."},
        {"join_timeout=1,", "'join_timeout=1,' is not in the form KEY=VALUE,..."},
        {",", "',' is not in the form KEY=VALUE,..."},
        {"join_timeout", "the key 'join_timeout' must have a value"},
        {"join_timeout= ", "the key 'join_timeout' must have a value"},
        {"join_timeot=5", "the key 'join_timeot' is unknown: did you mean join_timeout?"},
        {"jion_timeout=5", "the key 'jion_timeout' is unknown: did you mean join_timeout?"},
        {"a", "the key 'a' is unknown; " + known},
        {"'join_timeout=5", "the key ''join_timeout' is unknown: did you mean join_timeout?"},
        {"run_id=5", "the key 'run_id' is not for --rdzv-conf: use --rdzv-id"},
        {"endpoint=h:1", "the key 'endpoint' is not for --rdzv-conf: use --rdzv-endpoint"},
        {"max_nodes=2", "the key 'max_nodes' is not for --rdzv-conf: use --nnodes"},
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

TEST(RendezvousConf, takes_off_quotes_that_a_shell_left) {
    for (const char* text : {"'join_timeout=5,last_call_timeout=1,timeout=5'",
                             "\"join_timeout=5,timeout=5\"", " ' join_timeout=5 ' "}) {
        const auto conf = parse_rendezvous_conf(text);
        ASSERT_TRUE(conf) << conf.error().text();
        EXPECT_EQ(conf->join_timeout, 5s);
    }
    EXPECT_EQ(*parse_rendezvous_conf("''"), RendezvousConf{});
    EXPECT_FALSE(parse_rendezvous_conf("'"));
    EXPECT_FALSE(parse_rendezvous_conf("'join_timeout=5\""));
}

TEST(RendezvousConf, checks_the_keys_of_torchruns_backends) {
    const char* const good[] = {
        "timeout=900",     "store_type=TCP", "close_timeout=30", "heartbeat_timeout=5",
        "read_timeout=60", "use_libuv=0",    "rank=0",           "protocol=http",
    };
    for (const char* text : good)
        EXPECT_EQ(*parse_rendezvous_conf(text), RendezvousConf{}) << text;
    EXPECT_TRUE(parse_rendezvous_conf("store_type=File")->file_store);
    EXPECT_EQ(parse_rendezvous_conf("last_call_timeout=1")->last_call_timeout, 1s);
    EXPECT_TRUE(parse_rendezvous_conf("protocol=https")->etcd.https);
    EXPECT_EQ(
        parse_rendezvous_conf("ssl_cert=/a=b,ssl_cert_key=/k,ca_cert=/c,etcd_prefix=/p")->etcd,
        parse_rendezvous_conf("cert=/a=b,key=/k,cacert=/c,etcd_prefix=/p")->etcd);
    EXPECT_EQ(parse_rendezvous_conf("cert=/a=b")->etcd.cert, "/a=b");
    const std::pair<const char*, const char*> bad[] = {
        {"timeout=1.5", "timeout takes a whole number of seconds above 0, not '1.5'"},
        {"read_timeout=0", "read_timeout takes a whole number of seconds above 0, not '0'"},
        {"store_type=x", "store_type takes tcp or file, not 'x'"},
        {"rank=-1", "rank takes a whole number of at least 0, not '-1'"},
        {"protocol=ftp", "protocol takes http or https, not 'ftp'"},
        {"cert=", "the key 'cert' must have a value"},
    };
    for (const auto& [text, expected] : bad)
        EXPECT_EQ(error_of(parse_rendezvous_conf(text)), expected);
}

/// The words, and those that are none, are of torch's own tests.
TEST(RendezvousConf, reads_truth_and_whole_numbers_as_torch_does) {
    for (const std::string word : {"1", "True", "tRue", "T", "t", "yEs", "Y"})
        EXPECT_EQ(parse_rendezvous_conf("is_host=" + word)->is_host, true) << word;
    for (const std::string word : {"0", "False", "faLse", "F", "f", "nO", "N"})
        EXPECT_EQ(parse_rendezvous_conf("is_host=" + word)->is_host, false) << word;
    for (const std::string word : {"01", "Flse", "Ture", "g", "4", "_", "truefalse", "2", "-1"}) {
        EXPECT_EQ(error_of(parse_rendezvous_conf("is_host=" + word)),
                  "is_host takes true or false, not '" + word + "'");
    }
    for (const std::string number : {"4", "  4", " 4 ", "+4"})
        EXPECT_EQ(parse_rendezvous_conf("join_timeout=" + number)->join_timeout, 4s) << number;
    for (const std::string number : {"a", "0a", "3b", "abc", "-10"}) {
        EXPECT_EQ(error_of(parse_rendezvous_conf("join_timeout=" + number)),
                  "join_timeout takes a whole number of seconds above 0, not '" + number + "'");
    }
}

TEST(RendezvousConf, survives_random_bytes) {
    std::mt19937 random(8);
    const std::string alphabet = "0123456789,='\"-. eaxport_range\xff\x01";
    for (int round = 0; round < 10000; ++round) {
        std::string text(random() % 24, '\0');
        for (char& c : text)
            c = alphabet[random() % alphabet.size()];
        if (random() % 4 == 0) text.insert(0, "join_timeout=");
        (void)parse_rendezvous_conf(text);
    }
    EXPECT_LT(error_of(parse_rendezvous_conf(std::string(1 << 20, 'k'))).size(), 700U);
}

}  // namespace
}  // namespace torchelastic::options
