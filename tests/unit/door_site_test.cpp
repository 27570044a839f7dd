// The words behind the plugin in plugstack.conf.
#include <gtest/gtest.h>

#include "spank/site.h"

namespace torchelastic::door {
namespace {

TEST(Site, says_what_it_wants) {
    const Site site = read_site({"agent=/opt/te/bin/torchelastic", "mpi=off",
                                 "port_range=20000-20999", "log_dir=/scratch/%u/%j"});
    EXPECT_EQ(site.trouble, "");
    EXPECT_EQ(site.agent, "/opt/te/bin/torchelastic");
    EXPECT_FALSE(site.mpi);
    EXPECT_EQ(site.port_range, "20000-20999");
    EXPECT_EQ(site.log_dir, "/scratch/%u/%j");
}

TEST(Site, may_say_nothing) {
    const Site site = read_site({});
    EXPECT_EQ(site.trouble + site.agent + site.port_range + site.log_dir, "");
    EXPECT_TRUE(site.mpi);
}

struct Word {
    const char* word;
    const char* why;
};

TEST(Site, is_told_what_is_not_understood) {
    const Word kCases[] = {
        {"", "not one of agent="},
        {"verbose", "not one of agent="},
        {"Agent=/x", "not one of agent="},
        {"agent", "not an absolute path"},
        {"agent=bin/torchelastic", "not an absolute path"},
        {"mpi=on", "neither auto nor off"},
        {"port_range=", "LOW-HIGH"},
        {"port_range=1", "LOW-HIGH"},
        {"port_range=0-9", "LOW-HIGH"},
        {"port_range=9-8", "LOW-HIGH"},
        {"port_range=1-65536", "LOW-HIGH"},
        {"port_range=1-2-3", "LOW-HIGH"},
        {"port_range=-1", "LOW-HIGH"},
        {"log_dir=~/logs", "not an absolute path"},
        {"log_dir=/x/%h", "only %u, %j and %%"},
        {"log_dir=/x/%", "only %u, %j and %%"},
    };
    for (const Word& c : kCases) {
        const Site site = read_site({c.word, "mpi=off"});
        EXPECT_TRUE(site.trouble.starts_with("'" + std::string(c.word) + "': ")) << site.trouble;
        EXPECT_NE(site.trouble.find(c.why), std::string::npos) << site.trouble;
        EXPECT_EQ(site.agent + site.port_range + site.log_dir, "");
        EXPECT_FALSE(site.mpi) << "the other words count";
    }
}

TEST(Site, has_a_log_folder_for_each_user) {
    EXPECT_EQ(log_dir_of("/logs", "ada", "42"), "/logs");
    EXPECT_EQ(log_dir_of("/logs/%u/%j", "ada", "42"), "/logs/ada/42");
    EXPECT_EQ(log_dir_of("/100%%/%u%u", "ada", "42"), "/100%/adaada");
}

}  // namespace
}  // namespace torchelastic::door
