// Meeting as Slurm's step says, over loopback.
#include <optional>

#include <gtest/gtest.h>

#include "guarded.h"
#include "rdzv/door.h"
#include "rdzv/slurm.h"
#include "slurm/ports.h"
#include "wire/handshake.h"

namespace torchelastic::rdzv {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr KeepAlive kPatient{seconds(10), 3};

slurm::Allocation step(std::size_t index) {
    slurm::Allocation allocation;
    allocation.run_id = "7.0.0";
    allocation.nodes = {"a", "b"};
    allocation.index = index;
    allocation.node = allocation.nodes[index];
    allocation.address = "127.0.0.1";
    allocation.token = "secret";
    return allocation;
}

TEST(Slurm, brings_the_nodes_of_a_step_together) {
    Guarded guarded;
    const auto first = slurm_rendezvous(guarded.loop, step(0), {});
    const auto second = slurm_rendezvous(guarded.loop, step(1), {});
    std::optional<Door> door;
    std::optional<Meeting> host;
    std::optional<Meeting> guest;
    second->meet([&](Result<Meeting> meeting) {
        ASSERT_TRUE(meeting) << meeting.error().text();
        guest = std::move(*meeting);
        guarded.loop.stop();
    });
    first->meet([&](Result<Meeting> meeting) {
        ASSERT_TRUE(meeting) << meeting.error().text();
        host = std::move(*meeting);
        door.emplace(
            guarded.loop, std::move(*std::get<Host>(host->place).listener), host->credentials,
            kPatient, [](const Session&) {}, [](const std::string&, bool) {});
    });
    guarded.loop.run();
    ASSERT_TRUE(host && guest);
    EXPECT_EQ(guest->id, "b");
    EXPECT_EQ(guest->order, 1);
    EXPECT_EQ(guest->address, "127.0.0.1");
    EXPECT_EQ(host->expected, (std::vector<std::string>{"a", "b"}));
}

TEST(Slurm, will_not_meet_without_a_token) {
    Guarded guarded;
    auto allocation = step(1);
    allocation.token.clear();
    std::string why;
    const auto rendezvous = slurm_rendezvous(guarded.loop, allocation, {});
    rendezvous->meet([&](Result<Meeting> meeting) { why = meeting.error().text(); });
    EXPECT_TRUE(why.starts_with("the step has no token")) << why;
}

TEST(Slurm, says_which_node_did_not_answer) {
    Guarded guarded;
    auto allocation = step(1);
    allocation.run_id = "nobody.listens.0";
    std::string why;
    const auto rendezvous =
        slurm_rendezvous(guarded.loop, allocation, {.join_timeout = milliseconds(50)});
    rendezvous->meet([&](Result<Meeting> meeting) {
        why = meeting.error().text();
        guarded.loop.stop();
    });
    guarded.loop.run();
    EXPECT_TRUE(why.starts_with("meet the agent of node a: no coordinator at 127.0.0.1:")) << why;
    EXPECT_NE(why.find(" or 7 other places within 0.05 s (join_timeout)"), std::string::npos)
        << why;
    EXPECT_NE(why.find("connection refused"), std::string::npos) << why;
}

TEST(Slurm, takes_the_next_port_if_the_first_is_taken) {
    Guarded guarded;
    std::vector<net::Listener> taken;
    for (const std::uint16_t port : slurm::port_sequence("7.0.0", 3)) {
        auto listener = net::Listener::open(guarded.loop, "", port);
        if (listener) taken.push_back(std::move(*listener));
    }
    const auto rendezvous = slurm_rendezvous(guarded.loop, step(0), {});
    bool listening = false;
    rendezvous->meet([&](Result<Meeting> meeting) {
        ASSERT_TRUE(meeting) << meeting.error().text();
        listening = std::get<Host>(meeting->place).listener.has_value();
    });
    EXPECT_TRUE(listening);
}

}  // namespace
}  // namespace torchelastic::rdzv
