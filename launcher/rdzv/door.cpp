// Accepting and proving.
#include "rdzv/door.h"

#include <map>
#include <set>

namespace torchelastic::rdzv {

namespace {

/// All agents of a job may come at the same instant. More strangers than this is no job of ours:
/// the eldest of them is turned away.
constexpr std::size_t kStrangers = 16384;

/// Foreign agents of so many hosts are news.
constexpr std::size_t kForeignHosts = 64;

}  // namespace

struct Door::State : std::enable_shared_from_this<Door::State> {
    State(net::Loop& on, net::Listener open) : loop(on), listener(std::move(open)) {}

    void listen() {
        const auto weak = weak_from_this();
        listener.start(
            [weak](net::Connection connection) {
                if (const auto state = weak.lock()) state->welcome(std::move(connection));
            },
            [weak](const Error& why) {
                if (const auto state = weak.lock()) state->wait_for_room(why);
            });
    }

    void welcome(net::Connection connection) {
        if (strangers.size() >= kStrangers) strangers.erase(strangers.begin());
        const unsigned long number = ++last;
        Session& session =
            strangers
                .emplace(number, Session(loop, std::move(connection), Session::Side::server,
                                         credentials, keep_alive))
                .first->second;
        const auto weak = weak_from_this();
        session.start({.proven =
                           [weak, number] {
                               const auto state = weak.lock();
                               if (!state) return;
                               auto node = state->strangers.extract(number);
                               state->entered(std::move(node.mapped()));
                           },
                       .message = nullptr,
                       .closed =
                           [weak, number](const std::string& why) {
                               const auto state = weak.lock();
                               if (!state) return;
                               const auto node = state->strangers.extract(number);
                               state->turn_away(node.mapped(), why);
                           }});
    }

    void wait_for_room(const Error& why) const {
        complain("cannot let more nodes in: " + why.text() +
                     "; raise the hard limit of open files (ulimit -Hn) above the number of nodes",
                 true);
    }

    /// Foreign agents try again and again: they are told of once.
    void turn_away(const Session& session, const std::string& why) {
        const Endpoint& peer = session.peer();
        const bool news = session.met_foreign_agent() && foreign_hosts.size() < kForeignHosts &&
                          foreign_hosts.insert(peer.host).second;
        complain("turned away " + to_string(peer) + ": " + why, news);
    }

    net::Loop& loop;
    net::Listener listener;
    Credentials credentials;
    KeepAlive keep_alive;
    std::function<void(Session)> entered;
    Complain complain;
    std::map<unsigned long, Session> strangers;
    std::set<std::string> foreign_hosts;
    unsigned long last = 0;
};

Door::Door(net::Loop& loop, net::Listener listener, Credentials credentials, KeepAlive keep_alive,
           std::function<void(Session)> entered, Complain complain)
    : state_(std::make_shared<State>(loop, std::move(listener))) {
    state_->credentials = std::move(credentials);
    state_->keep_alive = keep_alive;
    state_->entered = std::move(entered);
    state_->complain = std::move(complain);
    state_->listen();
}

Door::~Door() = default;

}  // namespace torchelastic::rdzv
