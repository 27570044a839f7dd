// Connections over Asio sockets, read and written by readiness: one recv and, mostly, one send per
// event, without a buffer per pending operation.
#include "net/connection.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include "net/state.h"

namespace torchelastic::net {

namespace {

using asio::ip::tcp;

constexpr std::size_t kScratch = 64UL * 1024;
constexpr std::size_t kTakenLimit = 1024UL * 1024;

Endpoint endpoint_of(const tcp::endpoint& endpoint) {
    return {plain_address(endpoint.address().to_string()), endpoint.port()};
}

std::string reason(int code) {
    return Error::from_errno("", code).text().substr(2);
}

}  // namespace

struct Connection::State : std::enable_shared_from_this<Connection::State> {
    State(Loop& loop, tcp::socket open) : socket(std::move(open)), linger(loop.state().context) {
        asio::error_code ignored;
        local = endpoint_of(socket.local_endpoint(ignored));
        peer = endpoint_of(socket.remote_endpoint(ignored));
        static_cast<void>(socket.set_option(tcp::no_delay(true), ignored));
        static_cast<void>(socket.non_blocking(true, ignored));
    }

    void await_data();
    void await_room();
    void read();
    void flush();
    void broken(const std::string& why);
    void shut();

    tcp::socket socket;
    asio::steady_timer linger;
    Endpoint local;
    Endpoint peer;
    ConnectionHandlers handlers;
    std::string out;
    std::size_t taken = 0;  // bytes at the front of `out` that the kernel has
    bool awaiting_room = false;
    bool closing = false;
    bool closed = false;
    bool ended_by_peer = false;
    std::shared_ptr<State> self;  // keeps a connection that is closing alive without its owner
};

void Connection::State::await_data() {
    socket.async_wait(tcp::socket::wait_read,
                      [weak = weak_from_this()](const asio::error_code& error) {
                          const auto state = weak.lock();
                          if (!state || state->closed) return;
                          if (error) return state->broken(error.message());
                          state->read();
                      });
}

void Connection::State::read() {
    static thread_local char scratch[kScratch];
    const ssize_t got = ::recv(socket.native_handle(), scratch, sizeof scratch, MSG_DONTWAIT);
    ended_by_peer = got == 0 || (got < 0 && errno == ECONNRESET);
    if (got == 0) return broken("closed by peer");
    if (got < 0 && errno != EAGAIN && errno != EINTR) return broken(reason(errno));
    if (got > 0 && !closing && handlers.data) {
        handlers.data(std::string_view(scratch, static_cast<std::size_t>(got)));
    }
    if (!closed) await_data();
}

void Connection::State::flush() {
    while (taken < out.size()) {
        const ssize_t sent = ::send(socket.native_handle(), out.data() + taken, out.size() - taken,
                                    MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN) break;
        // A broken pipe is told by the reading side, which also knows what came before it.
        if (sent < 0) {
            taken = out.size();
            break;
        }
        taken += static_cast<std::size_t>(sent);
    }
    if (taken == out.size()) {
        out.clear();
        taken = 0;
        if (closing) shut();
        return;
    }
    if (taken > kTakenLimit) {
        out.erase(0, taken);
        taken = 0;
    }
    if (!awaiting_room) await_room();
}

void Connection::State::await_room() {
    awaiting_room = true;
    socket.async_wait(tcp::socket::wait_write,
                      [weak = weak_from_this()](const asio::error_code& error) {
                          const auto state = weak.lock();
                          if (!state || state->closed) return;
                          state->awaiting_room = false;
                          if (error) return state->broken(error.message());
                          state->flush();
                      });
}

void Connection::State::broken(const std::string& why) {
    const auto alive = shared_from_this();
    const bool tell = !closing;
    shut();
    const auto told = std::move(handlers.closed);
    handlers = {};
    if (tell && told) told(why);
}

void Connection::State::shut() {
    closed = true;
    asio::error_code ignored;
    linger.cancel();
    static_cast<void>(socket.close(ignored));
    self.reset();
}

Connection::Connection(Loop& loop, Fd fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
    tcp::socket socket(loop.state().context);
    asio::error_code ignored;
    static_cast<void>(socket.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(),
                                    fd.release(), ignored));
    state_ = std::make_shared<State>(loop, std::move(socket));
}

Connection::~Connection() {
    if (state_) close();
}

Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

void Connection::start(ConnectionHandlers handlers) {
    state_->handlers = std::move(handlers);
    state_->await_data();
}

void Connection::send(std::string_view bytes) {
    if (state_->closed || state_->closing) return;
    state_->out.append(bytes);
    if (!state_->awaiting_room) state_->flush();
}

std::size_t Connection::unsent() const {
    return state_->out.size() - state_->taken;
}

void Connection::close() {
    if (!state_->closed && !state_->self) state_->shut();
}

void Connection::close_when_sent(Duration limit) {
    if (state_->closed) return;
    state_->closing = true;
    state_->self = state_;
    state_->linger.expires_after(limit);
    state_->linger.async_wait([weak = std::weak_ptr<State>(state_)](const asio::error_code& error) {
        const auto state = weak.lock();
        if (!error && state && !state->closed) state->shut();
    });
    state_->flush();
}

bool Connection::ended_by_peer() const {
    return state_->ended_by_peer;
}

const Endpoint& Connection::local() const {
    return state_->local;
}

const Endpoint& Connection::peer() const {
    return state_->peer;
}

struct Connector::State : std::enable_shared_from_this<Connector::State> {
    State(Loop& on, std::function<void(Result<Connection>)> call)
        : loop(on),
          socket(on.state().context),
          timer(on.state().context),
          handler(std::move(call)) {}

    void finish(Result<Connection> result) {
        if (!handler) return;
        timer.cancel();
        const auto call = std::move(handler);
        handler = nullptr;
        call(std::move(result));
    }

    Loop& loop;
    tcp::socket socket;
    asio::steady_timer timer;
    std::function<void(Result<Connection>)> handler;
};

Connector::Connector(Loop& loop, const Endpoint& numeric, Duration limit,
                     std::function<void(Result<Connection>)> handler)
    : state_(std::make_shared<State>(loop, std::move(handler))) {
    const auto attempt = "connect to " + to_string(numeric);
    asio::error_code bad;
    const auto address = asio::ip::make_address(numeric.host, bad);
    if (bad) {
        asio::post(loop.state().context, [weak = std::weak_ptr<State>(state_), attempt] {
            if (const auto state = weak.lock()) {
                state->finish(failure(Error("not a numeric address").because(attempt)));
            }
        });
        return;
    }
    state_->timer.expires_after(limit);
    state_->timer.async_wait(
        [weak = std::weak_ptr<State>(state_), attempt](const asio::error_code& error) {
            const auto state = weak.lock();
            if (error || !state) return;
            asio::error_code ignored;
            static_cast<void>(state->socket.close(ignored));
            state->finish(failure(Error("no answer").because(attempt)));
        });
    state_->socket.async_connect(
        tcp::endpoint(address, numeric.port),
        [weak = std::weak_ptr<State>(state_), attempt](const asio::error_code& error) {
            const auto state = weak.lock();
            if (!state) return;
            if (error) {
                return state->finish(failure(Error::from_errno(attempt, error.value())));
            }
            const int fd = state->socket.release();
            state->finish(Connection(state->loop, Fd(fd)));
        });
}

Connector::~Connector() {
    if (!state_) return;
    state_->handler = nullptr;
    asio::error_code ignored;
    static_cast<void>(state_->socket.close(ignored));
    state_->timer.cancel();
}

Connector::Connector(Connector&&) noexcept = default;
Connector& Connector::operator=(Connector&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

Result<std::vector<std::string>> resolve(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (code != 0) return failure("look up '" + host + "': " + ::gai_strerror(code));
    std::vector<std::string> v4;
    std::vector<std::string> v6;
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
        char text[NI_MAXHOST];
        if (::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0,
                          NI_NUMERICHOST) == 0) {
            (each->ai_family == AF_INET ? v4 : v6).emplace_back(text);
        }
    }
    ::freeaddrinfo(found);
    v4.insert(v4.end(), v6.begin(), v6.end());
    return v4;
}

}  // namespace torchelastic::net
