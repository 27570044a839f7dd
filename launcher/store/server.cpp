// Carries bytes between connections and sessions, and closes what sessions drop.
#include "store/server.h"

#include <sys/resource.h>

#include <chrono>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "base/endpoint.h"
#include "base/time.h"
#include "net/connection.h"
#include "net/listener.h"
#include "store/sessions.h"

namespace torchelastic::store {

namespace {

constexpr Duration kSweep = std::chrono::seconds(1);
constexpr int kMaxComplaints = 20;

/// Half of our descriptors: the agent needs some for itself, to restart the workers for example.
std::size_t most_peers() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur / 2 : 512;
}

}  // namespace

struct Server::State {
    struct Peer {
        net::Connection connection;
        std::size_t unsent = 0;  // as of the last look
    };

    State(net::Loop& on, net::Listener open, Complain call)
        : listener(std::move(open)), sweep_timer(on), complain(std::move(call)) {}

    void accept(net::Connection connection);
    void receive(ClientId client, std::string_view bytes);
    void act(const Step& step);
    void send(const Send& send);
    void drop(ClientId client, const std::string& why);
    void leave(ClientId client);
    std::size_t look(Peer& peer);
    void sweep();
    void sweep_later();
    void refused(const Endpoint& peer, const std::string& why);

    net::Listener listener;
    net::Timer sweep_timer;
    Complain complain;
    bool sweeping = false;  // the timer is armed
    int complaints = 0;
    std::unordered_set<std::string> allowed;
    Sessions sessions;
    ClientId last_client = 0;
    std::unordered_map<ClientId, Peer> peers;
    std::size_t unsent = 0;  // of all peers
    std::size_t max_peers = most_peers();
};

void Server::State::accept(net::Connection connection) {
    if (peers.size() >= max_peers) {
        refused(connection.peer(), fmt::format("{} connections are open, and no more are taken "
                                               "(half of RLIMIT_NOFILE)",
                                               peers.size()));
        return;
    }
    if (!allowed.empty() && !allowed.contains(connection.peer().host)) {
        refused(connection.peer(), "not the address of a node of this job");
        return;
    }
    const ClientId client = ++last_client;
    Peer& peer = peers.try_emplace(client, Peer{std::move(connection)}).first->second;
    peer.connection.start({
        .data = [this, client](std::string_view bytes) { receive(client, bytes); },
        .closed = [this, client](const std::string&) { leave(client); },
    });
}

void Server::State::receive(ClientId client, std::string_view bytes) {
    act(sessions.receive(client, bytes, std::chrono::steady_clock::now()));
    sweep_later();
}

void Server::State::act(const Step& step) {
    for (const Send& each : step.sends) {
        send(each);
    }
    for (const Drop& each : step.drops) {
        drop(each.client, each.why);
    }
}

void Server::State::send(const Send& send) {
    const auto peer = peers.find(send.client);
    if (peer == peers.end()) return;
    peer->second.connection.send(send.bytes);
    if (look(peer->second) > kMaxUnsent || unsent > kMaxMemory) {
        drop(send.client, fmt::format("it does not read: {} MiB of answers are unsent",
                                      peer->second.unsent >> 20));
    }
}

void Server::State::drop(ClientId client, const std::string& why) {
    const auto peer = peers.find(client);
    if (peer == peers.end()) return;
    const Endpoint from = peer->second.connection.peer();
    leave(client);
    refused(from, why);
}

void Server::State::leave(ClientId client) {
    sessions.leave(client);
    const auto peer = peers.find(client);
    if (peer == peers.end()) return;
    unsent -= peer->second.unsent;
    peers.erase(peer);
}

std::size_t Server::State::look(Peer& peer) {
    unsent -= peer.unsent;
    peer.unsent = peer.connection.unsent();
    unsent += peer.unsent;
    return peer.unsent;
}

void Server::State::sweep() {
    sweeping = false;
    for (auto& [client, peer] : peers) {
        look(peer);
    }
    act(sessions.sweep(std::chrono::steady_clock::now()));
    sweep_later();
}

/// An idle store wakes nobody: there is something to sweep only while a request is half here, or
/// an answer not yet with the kernel.
void Server::State::sweep_later() {
    if (sweeping || (!sessions.stalled() && unsent == 0)) return;
    sweeping = true;
    sweep_timer.arm(kSweep, [this] { sweep(); });
}

void Server::State::refused(const Endpoint& peer, const std::string& why) {
    if (complaints >= kMaxComplaints) return;
    ++complaints;
    complain(fmt::format("the worker store on port {} closed the connection of {}: {}{}",
                         listener.port(), to_string(peer), why,
                         complaints == kMaxComplaints ? " (no further ones will be told)" : ""));
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() = default;
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;

Result<Server> Server::open(net::Loop& loop, const std::string& address, std::uint16_t port,
                            Complain complain) {
    auto listener = net::Listener::open(loop, address, port);
    if (!listener) {
        return failure(std::move(listener).error());
    }
    return Server(std::make_unique<State>(loop, std::move(*listener), std::move(complain)));
}

void Server::allow(const std::vector<std::string>& addresses) {
    state_->allowed.clear();
    for (const std::string& address : addresses) {
        state_->allowed.insert(plain_address(address));
    }
}

void Server::start() {
    State& state = *state_;
    state.listener.start(
        [&state](net::Connection connection) { state.accept(std::move(connection)); });
}

std::uint16_t Server::port() const {
    return state_->listener.port();
}

}  // namespace torchelastic::store
