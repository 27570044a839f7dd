// The ports that agents derive from a run id.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "slurm/ports.h"

namespace torchelastic::slurm {
namespace {

using Ports = std::vector<std::uint16_t>;

// Agents of two builds may meet in one job: this sequence is a format.
TEST(Ports, are_the_same_in_every_build) {
    EXPECT_EQ(port_sequence("42.0.0", 4), (Ports{22042, 23840, 30756, 22321}));
}

TEST(Ports, differ_between_runs_and_restarts) {
    const Ports one = port_sequence("42.0.0", 8);
    EXPECT_NE(one, port_sequence("42.1.0", 8));
    EXPECT_NE(one, port_sequence("42.0.1", 8));
    EXPECT_NE(one, port_sequence("43.0.0", 8));
}

TEST(Ports, of_neighbouring_jobs_rarely_meet) {
    std::set<std::uint16_t> first;
    for (int job = 0; job < 100; ++job) {
        first.insert(port_sequence(std::to_string(job) + ".0.0", 1).front());
    }
    EXPECT_GE(first.size(), 95U);
}

TEST(Ports, never_repeat_and_stay_in_their_range) {
    const PortRange range{20000, 20099};
    Ports ports = port_sequence("7.3.1", 100, range);
    std::sort(ports.begin(), ports.end());
    ASSERT_EQ(ports.size(), 100U);
    for (std::size_t i = 0; i < ports.size(); ++i)
        EXPECT_EQ(ports[i], 20000 + i);
}

TEST(Ports, begin_alike_however_many_are_asked_for) {
    const Ports some = port_sequence("7.3.1", 5);
    const Ports more = port_sequence("7.3.1", 50);
    EXPECT_TRUE(std::equal(some.begin(), some.end(), more.begin()));
}

TEST(Ports, end_with_their_range) {
    EXPECT_EQ(port_sequence("x", 10, {5, 5}), Ports{5});
    EXPECT_EQ(port_sequence("x", 70000, {0, 65535}).size(), 65536U);
    EXPECT_TRUE(port_sequence("x", 0).empty());
    EXPECT_TRUE(port_sequence("x", 10, {6, 5}).empty());
}

}  // namespace
}  // namespace torchelastic::slurm
