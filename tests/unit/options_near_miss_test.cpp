// What a misspelt word was to be.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "options/near_miss.h"

namespace torchelastic::options {
namespace {

const std::vector<std::string> kKnown = {"join_timeout", "close_timeout", "key", "cert", "rank"};

TEST(NearMiss, finds_slips_of_the_finger) {
    for (const char* word : {"join_timeot", "join_timeoutt", "join_timeuot", "jointimeout",
                             "join-timeout", "JOIN_timeout"}) {
        EXPECT_EQ(near_miss(word, kKnown), "join_timeout") << word;
    }
    EXPECT_EQ(near_miss("kye", kKnown), "key");
    EXPECT_EQ(near_miss("certs", kKnown), "cert");
}

TEST(NearMiss, does_not_guess_wildly) {
    for (const char* word : {"", "a", "x", "kxx", "JOIN_TIMEOUT", "completely_different"}) {
        EXPECT_EQ(near_miss(word, kKnown), std::nullopt) << word;
    }
    EXPECT_EQ(near_miss(std::string(1 << 20, 'k'), kKnown), std::nullopt);
    EXPECT_EQ(near_miss("key", {}), std::nullopt);
}

}  // namespace
}  // namespace torchelastic::options
