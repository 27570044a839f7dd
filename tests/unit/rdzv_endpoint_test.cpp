// Meeting at an endpoint: who listens, who asks, and what others are told.
#include <optional>

#include <gtest/gtest.h>

#include "net/listener.h"
#include "rdzv/door.h"
#include "rdzv/endpoint.h"

namespace torchelastic::rdzv {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kOption = "--rdzv-endpoint=here";

/// Agents of one machine on one loop.
class Endpoints : public testing::Test {
protected:
    Endpoints() : guard_(loop_) {
        guard_.arm(seconds(20), [this] { loop_.stop(); });
        auto free = net::Listener::open(loop_, "", 0);
        port_ = free->port();
    }

    std::unique_ptr<Rendezvous> agent(const char* id, const char* host,
                                      std::optional<bool> is_host = {}, const char* run = "job",
                                      Duration limit = seconds(10)) {
        Settings settings;
        settings.join_timeout = limit;
        return endpoint_rendezvous(
            loop_, {.host = host, .ports = {port_}, .is_host = is_host, .option = kOption},
            {.id = id, .order = 3, .credentials = {"token", run}}, settings);
    }

    Result<Meeting> meeting_of(Rendezvous& agent) {
        std::optional<Result<Meeting>> met;
        agent.meet([&](Result<Meeting> meeting) {
            met.emplace(std::move(meeting));
            loop_.stop();
        });
        if (!met) loop_.run();
        if (!met) return failure("the test takes too long");
        return std::move(*met);
    }

    net::Loop loop_;
    net::Timer guard_;
    std::uint16_t port_ = 0;
};

TEST_F(Endpoints, are_taken_by_an_agent_of_that_machine) {
    const auto first = agent("a/1", "127.0.0.1");
    const auto meeting = meeting_of(*first);
    ASSERT_TRUE(meeting) << meeting.error().text();
    EXPECT_TRUE(std::holds_alternative<Host>(meeting->place));
    EXPECT_EQ(meeting->membership, coordinator::Membership::open);
    EXPECT_EQ(meeting->id, "a/1");
    EXPECT_EQ(meeting->order, 3);
    EXPECT_TRUE(meeting->expected.empty());
}

TEST_F(Endpoints, that_are_taken_are_where_the_next_agent_of_that_machine_asks) {
    const auto first = agent("a/1", "localhost");
    auto host = meeting_of(*first);
    ASSERT_TRUE(host) << host.error().text();
    std::vector<Session> entered;
    const Door door(
        loop_, std::move(*std::get<Host>(host->place).listener), host->credentials, {},
        [&](Session session) { entered.push_back(std::move(session)); },
        [](const std::string&, bool) {});
    const auto second = agent("a/2", "localhost");
    const auto guest = meeting_of(*second);
    ASSERT_TRUE(guest) << guest.error().text();
    EXPECT_TRUE(std::holds_alternative<Guest>(guest->place));
}

TEST_F(Endpoints, that_become_free_are_taken_by_who_waits_there) {
    auto stranger = net::Listener::open(loop_, "", port_);
    ASSERT_TRUE(stranger);
    const auto late = agent("a/1", "127.0.0.1");
    net::Timer release(loop_);
    release.arm(milliseconds(50), [&] { net::Listener(std::move(*stranger)); });
    const auto meeting = meeting_of(*late);
    ASSERT_TRUE(meeting) << meeting.error().text();
    EXPECT_TRUE(std::holds_alternative<Host>(meeting->place));
}

TEST_F(Endpoints, of_another_job_are_not_ours) {
    const auto first = agent("a/1", "127.0.0.1");
    auto host = meeting_of(*first);
    ASSERT_TRUE(host) << host.error().text();
    const Door door(
        loop_, std::move(*std::get<Host>(host->place).listener), host->credentials, {},
        [](const Session&) { ADD_FAILURE() << "entered"; }, [](const std::string&, bool) {});
    const auto other = agent("a/2", "127.0.0.1", {}, "another job", milliseconds(100));
    const auto met = meeting_of(*other);
    ASSERT_FALSE(met);
    EXPECT_NE(met.error().text().find("--rdzv-endpoint=here: meet the other nodes at 127.0.0.1"),
              std::string::npos)
        << met.error().text();
    EXPECT_EQ(other->trouble(),
              "the agent that listens there hung up when asked for run another job: it belongs to "
              "another run, or has just ended");
}

TEST_F(Endpoints, with_a_name_that_nobody_knows_are_told_at_once) {
    const std::string never(300, 'a');  // longer than a name can be
    const auto lost = agent("a/1", never.c_str());
    const auto met = meeting_of(*lost);
    ASSERT_FALSE(met);
    EXPECT_TRUE(met.error().text().starts_with(
        "--rdzv-endpoint=here: find the node where the agents meet: look up '"))
        << met.error().text();
}

TEST_F(Endpoints, are_not_listened_at_by_an_agent_that_is_told_not_to) {
    const auto guest = agent("a/1", "127.0.0.1", false, "job", milliseconds(50));
    EXPECT_FALSE(meeting_of(*guest));
    const auto host = agent("a/2", "127.0.0.1", true);
    EXPECT_TRUE(meeting_of(*host));
}

TEST(ReachableAddress, is_not_loopback_where_there_is_a_better_one) {
    const net::Interface loopback{.name = "lo", .address = "127.0.0.1", .loopback = true};
    const net::Interface cable{.name = "eth0", .address = "10.0.0.7"};
    EXPECT_EQ(reachable_address("127.0.1.1", {loopback, cable}), "10.0.0.7");
    EXPECT_EQ(reachable_address("::1", {loopback}), "::1");
    EXPECT_EQ(reachable_address("10.1.1.1", {loopback, cable}), "10.1.1.1");
}

}  // namespace
}  // namespace torchelastic::rdzv
