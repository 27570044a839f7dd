// The store's sockets, over loopback: who is let in, and who is closed.
#include <sys/resource.h>

#include <algorithm>
#include <optional>

#include <gtest/gtest.h>

#include "net/connection.h"
#include "store/server.h"
#include "store_wire.h"

namespace torchelastic::store {
namespace {

using wire::keys;
using wire::kGreeting;
using wire::op;
using wire::text;

struct Client {
    std::optional<net::Connector> connector;
    std::optional<net::Connection> connection;
    std::string heard;
    bool closed = false;
};

/// A store and its clients on one loop; run() returns at done() or fails after a while.
struct Stage {
    net::Loop loop;
    net::Timer guard{loop};
    std::vector<std::string> complaints;
    std::optional<Server> server;

    Stage() {
        auto open = Server::open(loop, "127.0.0.1", 0,
                                 [this](const std::string& line) { complaints.push_back(line); });
        EXPECT_TRUE(open);
        server = std::move(*open);
    }

    /// Connects, says `hello`, and reads if `reads`.
    void join(Client& client, std::string hello, bool reads = true) {
        client.connector.emplace(
            loop, Endpoint{"127.0.0.1", server->port()}, std::chrono::seconds(5),
            [this, &client, hello, reads](Result<net::Connection> result) {
                ASSERT_TRUE(result) << result.error().text();
                client.connection = std::move(*result);
                client.connection->send(hello);
                if (!reads) return;
                client.connection->start({.data =
                                              [this, &client](std::string_view bytes) {
                                                  client.heard += bytes;
                                                  look();
                                              },
                                          .closed =
                                              [this, &client](const std::string&) {
                                                  client.closed = true;
                                                  look();
                                              }});
            });
    }

    void run_until(std::function<bool()> condition) {
        done = std::move(condition);
        guard.arm(std::chrono::seconds(20), [this] {
            ADD_FAILURE() << "never came about";
            loop.stop();
        });
        loop.run();
    }

    void look() {
        if (done && done()) loop.stop();
    }

    std::function<bool()> done;
};

TEST(Server, answers_who_came_before_it_was_started) {
    Stage stage;
    Client client;
    stage.join(client, kGreeting + op(7));
    stage.server->start();
    stage.run_until([&] { return client.heard == encode_number(0); });
}

TEST(Server, wakes_one_client_when_another_sets) {
    Stage stage;
    stage.server->start();
    Client waiter;
    Client setter;
    stage.join(waiter, kGreeting + op(6, keys({"/k"})));
    stage.join(setter, op(0, text("/k") + text("v")) + op(6));
    stage.run_until([&] { return waiter.heard == encode(Answer::stop_waiting); });
}

TEST(Server, closes_and_complains_a_limited_number_of_times) {
    Stage stage;
    stage.server->start();
    std::vector<Client> clients(25);
    for (Client& client : clients) {
        stage.join(client, "GET / HTTP/1.1\r\n");
    }
    std::size_t closed = 0;
    stage.run_until([&] { return ++closed == clients.size(); });
    ASSERT_EQ(stage.complaints.size(), 20U);
    EXPECT_NE(stage.complaints[0].find("127.0.0.1:"), std::string::npos) << stage.complaints[0];
    EXPECT_NE(stage.complaints[0].find("GET / HTTP"), std::string::npos) << stage.complaints[0];
    EXPECT_NE(stage.complaints[19].find("no further"), std::string::npos) << stage.complaints[19];
}

TEST(Server, lets_only_the_allowed_in) {
    Stage stage;
    stage.server->allow({"10.1.2.3"});
    stage.server->start();
    Client stranger;
    stage.join(stranger, kGreeting + op(7));
    stage.run_until([&] { return stranger.closed; });
    EXPECT_EQ(stranger.heard, "");
    ASSERT_EQ(stage.complaints.size(), 1U);
    stage.server->allow({"10.1.2.3", "::ffff:127.0.0.1"});
    Client friendly;
    stage.join(friendly, kGreeting + op(7));
    stage.run_until([&] { return friendly.heard == encode_number(0); });
}

TEST(Server, leaves_half_of_the_descriptors_to_the_agent) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit few = before;
    few.rlim_cur = 40;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    Stage stage;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    stage.server->start();
    std::vector<Client> clients(25);
    for (Client& client : clients)
        stage.join(client, kGreeting + op(7));
    const auto count = [&](auto which) {
        return std::count_if(clients.begin(), clients.end(), which);
    };
    stage.run_until([&] {
        return count([](const Client& each) { return each.closed || !each.heard.empty(); }) == 25;
    });
    EXPECT_EQ(count([](const Client& each) { return each.heard == encode_number(0); }), 20);
    ASSERT_EQ(stage.complaints.size(), 5U);
    EXPECT_NE(stage.complaints[0].find("20 connections are open, and no more are taken"),
              std::string::npos)
        << stage.complaints[0];
}

TEST(Server, closes_who_does_not_read) {
    Stage stage;
    stage.server->start();
    Client slow;
    std::string hello = kGreeting + op(1, text("/k") + text(std::string(kMaxValue, 'x')));
    // What stands between the questions brings each in a read of its own.
    const std::string between = op(1, text("/between") + text(std::string(1 << 17, 'x')));
    for (int i = 0; i < 16; ++i) {
        hello += op(3, text("/k")) + between;
    }
    stage.join(slow, hello, false);
    net::Timer check(stage.loop);
    std::function<void()> look = [&] {
        if (!stage.complaints.empty()) return stage.loop.stop();
        check.arm(std::chrono::milliseconds(5), look);
    };
    look();
    stage.run_until([] { return false; });
    ASSERT_EQ(stage.complaints.size(), 1U);
    EXPECT_NE(stage.complaints[0].find("does not read"), std::string::npos) << stage.complaints[0];
}

TEST(Server, takes_its_connections_with_it) {
    Stage stage;
    stage.server->start();
    Client client;
    stage.join(client, kGreeting + op(7));
    stage.run_until([&] { return !client.heard.empty(); });
    stage.server.reset();
    stage.run_until([&] { return client.closed; });
}

TEST(Server, says_which_port_is_taken) {
    Stage stage;
    const auto second = Server::open(stage.loop, "127.0.0.1", stage.server->port(), {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().text().find("listen on 127.0.0.1:"), 0U) << second.error().text();
}

}  // namespace
}  // namespace torchelastic::store
