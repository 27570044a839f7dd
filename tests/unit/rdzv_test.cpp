// Sessions, the door and the dialer over loopback.
#include <optional>

#include <gtest/gtest.h>

#include "guarded.h"
#include "rdzv/dialer.h"
#include "rdzv/door.h"
#include "wire/frame.h"
#include "wire/handshake.h"

namespace torchelastic::rdzv {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr KeepAlive kPatient{seconds(10), 3};

/// A door on loopback, and what came of it.
struct House : Guarded {
    explicit House(Credentials credentials, KeepAlive keep_alive = kPatient) {
        auto listener = net::Listener::open(loop, "127.0.0.1", 0);
        port = listener->port();
        door.emplace(
            loop, std::move(*listener), std::move(credentials), keep_alive,
            [this](Session session) {
                inside = std::move(session);
                if (outside) loop.stop();
            },
            [this](const std::string& line, bool news) {
                complaint = line;
                complaint_is_news = news;
                loop.stop();
            });
    }
    std::unique_ptr<Dialer> dial(Credentials credentials, Duration limit = seconds(10)) {
        return std::make_unique<Dialer>(loop, std::vector<Endpoint>{{"127.0.0.1", port}},
                                        std::move(credentials), kPatient, limit,
                                        [this](Result<Session> result) {
                                            outside = std::move(result);
                                            if (inside || !*outside) loop.stop();
                                        });
    }

    /// The two sides have heard one ping each.
    void measure_clocks() {
        inside->hand_over({});
        (*outside)->hand_over({});
        net::Timer look(loop);
        const std::function<void()> until_known = [&] {
            if (inside->clock_offset()) return loop.stop();
            look.arm(milliseconds(1), until_known);
        };
        until_known();
        loop.run();
    }

    std::uint16_t port = 0;
    std::optional<Door> door;
    std::optional<Session> inside;
    std::optional<Result<Session>> outside;
    std::string complaint;
    bool complaint_is_news = false;
};

TEST(Door, lets_in_who_holds_the_token_and_messages_pass_both_ways) {
    House house({"secret", "7.0.0"});
    const auto dialer = house.dial({"secret", "7.0.0"});
    house.loop.run();
    ASSERT_TRUE(house.inside && house.outside && *house.outside);
    std::vector<std::string> heard;
    house.inside->hand_over({.proven = nullptr,
                             .message =
                                 [&](const wire::Message& message) {
                                     EXPECT_TRUE(message == wire::Message(coordinator::Started{7}));
                                     heard.emplace_back("up");
                                     house.inside->send(coordinator::Stop{7, "why"});
                                 },
                             .closed = [](const std::string& why) { FAIL() << why; }});
    (*house.outside)
        ->hand_over({.proven = nullptr,
                     .message =
                         [&](const wire::Message& message) {
                             EXPECT_TRUE(message == wire::Message(coordinator::Stop{7, "why"}));
                             heard.emplace_back("down");
                             house.loop.stop();
                         },
                     .closed = [](const std::string& why) { FAIL() << why; }});
    (*house.outside)->send(coordinator::Started{7});
    house.loop.run();
    EXPECT_EQ(heard, (std::vector<std::string>{"up", "down"}));
}

TEST(Session, knows_what_the_clocks_differ_by_before_the_first_interval_is_over) {
    House house({"secret", "7.0.0"});
    const auto dialer = house.dial({"secret", "7.0.0"});
    house.loop.run();
    ASSERT_TRUE(house.inside && house.outside && *house.outside);
    house.measure_clocks();
    const auto offset = house.inside->clock_offset();
    ASSERT_TRUE(offset);
    EXPECT_LE(std::abs(offset->us), offset->error) << "it is one clock";
}

TEST(Session, tells_a_peer_that_died_from_one_that_only_gives_up) {
    for (const bool dies : {true, false}) {
        House house({"secret", "7.0.0"});
        const auto dialer = house.dial({"secret", "7.0.0"});
        house.loop.run();
        ASSERT_TRUE(house.inside && house.outside && *house.outside);
        std::optional<bool> died;
        house.inside->hand_over(
            {.proven = nullptr, .message = nullptr, .closed = [&](const std::string&) {
                 died = house.inside->peer_died();
                 house.loop.stop();
             }});
        if (!dies) (*house.outside)->send(wire::Farewell{"no word for 3 s"});
        house.outside.reset();
        house.loop.run();
        EXPECT_EQ(died, dies);
    }
}

TEST(Door, turns_away_another_token) {
    House house({"secret", "7.0.0"});
    const auto dialer = house.dial({"guess", "7.0.0"}, milliseconds(200));
    house.loop.run();
    EXPECT_FALSE(house.inside);
    while (!house.outside)
        house.loop.run();
    ASSERT_FALSE(*house.outside);
    EXPECT_NE(house.outside->error().text().find("the peer does not hold this job's token"),
              std::string::npos)
        << house.outside->error().text();
}

TEST(Door, turns_away_another_run_and_other_protocols) {
    House house({"secret", "7.0.0"});
    const auto dialer = house.dial({"secret", "8.0.0"});
    house.loop.run();
    EXPECT_NE(house.complaint.find("the peer belongs to run 8.0.0, this is 7.0.0"),
              std::string::npos)
        << house.complaint;
    net::Connector web(house.loop, {"127.0.0.1", house.port}, seconds(5),
                       [&](Result<net::Connection> result) {
                           result->send("GET / HTTP/1.0\r\n\r\n");
                           result->close_when_sent(seconds(5));
                       });
    house.loop.run();
    EXPECT_NE(
        house.complaint.find("the peer does not speak our protocol: it began with 'GET / HT'"),
        std::string::npos)
        << house.complaint;
}

TEST(Door, tells_once_of_agents_of_another_version_and_lets_them_know_ours) {
    House house({"secret", "7.0.0"});
    for (const bool first : {true, false}) {
        std::string heard;
        std::optional<net::Connection> newer;
        net::Connector connector(
            house.loop, {"127.0.0.1", house.port}, seconds(5), [&](Result<net::Connection> result) {
                newer = std::move(*result);
                newer->start({.data = [&](std::string_view bytes) { heard += bytes; },
                              .closed = [&](const std::string&) { house.loop.stop(); }});
                newer->send("\xE5TELAST\x02");
            });
        house.loop.run();  // until the complaint
        EXPECT_NE(house.complaint.find(": the peer speaks version 2 of the agents' protocol"),
                  std::string::npos)
            << house.complaint;
        EXPECT_EQ(house.complaint_is_news, first);
        house.loop.run();  // until the end
        EXPECT_EQ(heard, wire::kPreamble);
    }
}

TEST(Dialer, does_not_wait_for_an_agent_of_another_version) {
    Guarded here;
    auto listener = net::Listener::open(here.loop, "127.0.0.1", 0);
    const std::uint16_t port = listener->port();
    std::vector<net::Connection> guests;
    listener->start([&](net::Connection guest) {
        guest.start({.data = [](std::string_view) {}, .closed = [](const std::string&) {}});
        guest.send("\xE5TELAST\x02");
        guests.push_back(std::move(guest));
    });
    std::optional<Result<Session>> met;
    const Dialer dialer(here.loop, {{"127.0.0.1", port}}, {"secret", "7.0.0"}, kPatient,
                        seconds(600), [&](Result<Session> result) {
                            met = std::move(result);
                            here.loop.stop();
                        });
    here.loop.run();
    ASSERT_TRUE(met && !*met);
    EXPECT_EQ(met->error().text(),
              "127.0.0.1:" + std::to_string(port) +
                  ": the peer speaks version 2 of the agents' protocol, this node version 1: use "
                  "the same release of torchelastic on all nodes");
}

TEST(Door, closes_who_proves_nothing_in_time) {
    House house({"secret", "7.0.0"}, {milliseconds(5), 2});
    std::optional<net::Connection> mute;
    net::Connector connector(house.loop, {"127.0.0.1", house.port}, seconds(5),
                             [&](Result<net::Connection> result) { mute = std::move(*result); });
    house.loop.run();
    EXPECT_NE(house.complaint.find(": no proof of the job's token for"), std::string::npos)
        << house.complaint;
}

TEST(Door, is_not_held_open_by_a_byte_now_and_then) {
    House house({"secret", "7.0.0"}, {milliseconds(5), 2});
    std::optional<net::Connection> slow;
    net::Timer next(house.loop);
    std::function<void()> trickle = [&] {
        slow->send(std::string(1, '\0'));
        next.arm(milliseconds(1), trickle);
    };
    net::Connector connector(
        house.loop, {"127.0.0.1", house.port}, seconds(5), [&](Result<net::Connection> result) {
            slow = std::move(*result);
            slow->send(std::string(wire::kPreamble) + std::string("\0\0\3\xf0", 4));
            trickle();
        });
    house.loop.run();
    EXPECT_NE(house.complaint.find(": no proof of the job's token for"), std::string::npos)
        << house.complaint;
}

TEST(Session, tells_of_a_peer_that_falls_silent) {
    House house({"secret", "7.0.0"}, {milliseconds(5), 2});  // the other side pings every 10 s
    const auto dialer = house.dial({"secret", "7.0.0"});
    house.loop.run();
    ASSERT_TRUE(house.inside);
    std::string why;
    house.inside->hand_over(
        {.proven = nullptr, .message = nullptr, .closed = [&](const std::string& reason) {
             why = reason;
             house.loop.stop();
         }});
    house.loop.run();
    EXPECT_EQ(why, "no word for 0.01 s");
}

TEST(Session, tells_of_a_peer_that_is_gone) {
    House house({"secret", "7.0.0"});
    const auto dialer = house.dial({"secret", "7.0.0"});
    house.loop.run();
    ASSERT_TRUE(house.inside && house.outside && *house.outside);
    house.measure_clocks();  // else there were bytes that it has not read: a reset
    std::string why;
    house.inside->hand_over(
        {.proven = nullptr, .message = nullptr, .closed = [&](const std::string& reason) {
             why = reason;
             house.loop.stop();
         }});
    house.outside.reset();
    house.loop.run();
    EXPECT_EQ(why, "closed by peer");
}

TEST(Dialer, finds_a_coordinator_that_starts_later_behind_a_stranger) {
    Guarded guarded;
    auto stranger = net::Listener::open(guarded.loop, "127.0.0.1", 0);
    auto late = net::ReservedPort::open();
    ASSERT_TRUE(stranger && late);
    std::optional<net::Connection> visitor;
    stranger->start([&](net::Connection connection) {
        visitor = std::move(connection);
        visitor->send("220 mail ready\r\n");
        visitor->start({});
    });
    std::optional<Door> door;
    net::Timer later(guarded.loop);
    later.arm(milliseconds(20), [&] {
        auto listener = net::Listener::open(guarded.loop, "", late->port());
        ASSERT_TRUE(listener) << listener.error().text();
        door.emplace(
            guarded.loop, std::move(*listener), Credentials{"secret", "7.0.0"}, kPatient,
            [](const Session&) {}, [](const std::string&, bool) {});
    });
    bool found = false;
    Dialer dialer(guarded.loop, {{"127.0.0.1", stranger->port()}, {"127.0.0.1", late->port()}},
                  {"secret", "7.0.0"}, kPatient, seconds(10), [&](Result<Session> result) {
                      found = result.has_value();
                      guarded.loop.stop();
                  });
    guarded.loop.run();
    EXPECT_TRUE(found);
}

/// A coordinator without room for one more: it closes on who has proved itself.
struct Overcrowded {
    explicit Overcrowded(net::Loop& loop)
        : listener(*net::Listener::open(loop, "127.0.0.1", 0)),
          shake("secret", "7.0.0", wire::random_nonce()) {
        listener.start([this](net::Connection open) {
            visitor = std::move(open);
            visitor->send(wire::kPreamble);
            visitor->start(
                {.data = [this](std::string_view bytes) { hear(bytes); }, .closed = nullptr});
        });
    }

    void hear(std::string_view bytes) {
        frames.feed(bytes);
        const auto payload = *frames.next();
        if (!payload) return;
        if (shook) return visitor->close();
        visitor->send(wire::frame(*shake.answer(*payload)));
        shook = true;
    }

    net::Listener listener;
    wire::ServerHandshake shake;
    wire::FrameReader frames{wire::kUnprovenLimit};
    std::optional<net::Connection> visitor;
    bool shook = false;
};

TEST(Dialer, tries_again_where_it_was_turned_away_with_its_proof_in_hand) {
    House house({"secret", "7.0.0"});
    Overcrowded crowd(house.loop);
    Dialer dialer(house.loop, {{"127.0.0.1", crowd.listener.port()}, {"127.0.0.1", house.port}},
                  {"secret", "7.0.0"}, kPatient, seconds(10), [&](Result<Session> result) {
                      house.outside = std::move(result);
                      house.loop.stop();
                  });
    house.loop.run();
    EXPECT_TRUE(crowd.shook);
    ASSERT_TRUE(house.outside && *house.outside);
    EXPECT_EQ((*house.outside)->peer().port, house.port);
}

}  // namespace
}  // namespace torchelastic::rdzv
