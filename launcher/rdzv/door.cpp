// Accepting and proving.
#include "rdzv/door.h"

#include <map>

namespace torchelastic::rdzv {

namespace {

/// More strangers than this at once is no job of ours: the eldest of them is turned away.
constexpr std::size_t kStrangers = 4096;

}  // namespace

struct Door::State : std::enable_shared_from_this<Door::State> {
    State(net::Loop& on, net::Listener open) : loop(on), listener(std::move(open)) {}

    void listen() {
        listener.start([weak = weak_from_this()](net::Connection connection) {
            if (const auto state = weak.lock()) state->welcome(std::move(connection));
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
                               state->complain("turned away " + to_string(node.mapped().peer()) +
                                               ": " + why);
                           }});
    }

    net::Loop& loop;
    net::Listener listener;
    Credentials credentials;
    KeepAlive keep_alive;
    std::function<void(Session)> entered;
    std::function<void(const std::string&)> complain;
    std::map<unsigned long, Session> strangers;
    unsigned long last = 0;
};

Door::Door(net::Loop& loop, net::Listener listener, Credentials credentials, KeepAlive keep_alive,
           std::function<void(Session)> entered, std::function<void(const std::string&)> complain)
    : state_(std::make_shared<State>(loop, std::move(listener))) {
    state_->credentials = std::move(credentials);
    state_->keep_alive = keep_alive;
    state_->entered = std::move(entered);
    state_->complain = std::move(complain);
    state_->listen();
}

Door::~Door() = default;

}  // namespace torchelastic::rdzv
