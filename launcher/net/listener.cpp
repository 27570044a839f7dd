// Listening sockets, and ports held for others.
#include "net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/steady_timer.hpp>
#include <fmt/format.h>

#include "net/state.h"

namespace torchelastic::net {

using asio::ip::tcp;

struct Listener::State : std::enable_shared_from_this<Listener::State> {
    explicit State(Loop& on) : loop(on), acceptor(on.state().context), pause(on.state().context) {}

    asio::error_code listen(const tcp::endpoint& endpoint) {
        asio::error_code error;
        static_cast<void>(acceptor.close(error));
        static_cast<void>(acceptor.open(endpoint.protocol(), error));
        if (error) return error;
        if (endpoint.address() == asio::ip::address_v6::any()) {
            static_cast<void>(acceptor.set_option(asio::ip::v6_only(false), error));
        }
        static_cast<void>(acceptor.set_option(tcp::acceptor::reuse_address(true), error));
        static_cast<void>(acceptor.bind(endpoint, error));
        if (error) return error;
        static_cast<void>(acceptor.listen(SOMAXCONN, error));
        return error;
    }

    void await() {
        acceptor.async_accept(
            [weak = weak_from_this()](const asio::error_code& error, tcp::socket socket) {
                const auto state = weak.lock();
                if (!state || !state->acceptor.is_open()) return;
                if (error) return state->try_later(error.value());
                state->accepted(Connection(state->loop, Fd(socket.release())));
                if (state->acceptor.is_open()) state->await();
            });
    }

    /// Without descriptors to spare accept(2) fails at once, and the socket stays readable.
    void try_later(int code) {
        if (const auto call = std::exchange(starved, nullptr)) {
            call(Error::from_errno("accept a connection", code));
        }
        pause.expires_after(std::chrono::milliseconds(100));
        pause.async_wait([weak = weak_from_this()](const asio::error_code& error) {
            const auto state = weak.lock();
            if (!error && state && state->acceptor.is_open()) state->await();
        });
    }

    Loop& loop;
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    std::function<void(Connection)> accepted;
    std::function<void(const Error&)> starved;
};

Result<Listener> Listener::open(Loop& loop, const std::string& address, std::uint16_t port) {
    auto state = std::make_shared<State>(loop);
    asio::error_code error;
    if (address.empty()) {
        error = state->listen({asio::ip::address_v6::any(), port});
        // Without IPv6 in the kernel the socket cannot even be opened; another failure (the port is
        // taken) is the same for both.
        if (error == asio::error::address_family_not_supported ||
            error == asio::error_code(EADDRNOTAVAIL, asio::system_category())) {
            error = state->listen({asio::ip::address_v4::any(), port});
        }
    } else {
        const auto numeric = asio::ip::make_address(address, error);
        if (!error) error = state->listen({numeric, port});
    }
    if (error) {
        const Endpoint where{address.empty() ? "*" : address, port};
        return failure(Error::from_errno("listen on " + to_string(where), error.value()));
    }
    return Listener(std::move(state));
}

Listener::~Listener() {
    if (!state_) return;
    asio::error_code ignored;
    static_cast<void>(state_->acceptor.close(ignored));
}

Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

void Listener::start(std::function<void(Connection)> accepted,
                     std::function<void(const Error&)> starved) {
    state_->accepted = std::move(accepted);
    state_->starved = std::move(starved);
    state_->await();
}

std::uint16_t Listener::port() const {
    asio::error_code ignored;
    return state_->acceptor.local_endpoint(ignored).port();
}

namespace {

/// A port of all addresses of one family.
class Anywhere {
public:
    Anywhere(int family, std::uint16_t port) : six_(family == AF_INET6) {
        v6_.sin6_family = AF_INET6;
        v4_.sin_family = AF_INET;
        v6_.sin6_port = v4_.sin_port = htons(port);
    }

    bool bind(const Fd& fd) { return ::bind(fd.get(), address(), size_) == 0; }
    bool read(const Fd& fd) { return ::getsockname(fd.get(), address(), &size_) == 0; }
    std::uint16_t port() const { return ntohs(six_ ? v6_.sin6_port : v4_.sin_port); }

private:
    sockaddr* address() {
        return six_ ? reinterpret_cast<sockaddr*>(&v6_) : reinterpret_cast<sockaddr*>(&v4_);
    }

    bool six_;
    sockaddr_in6 v6_{};
    sockaddr_in v4_{};
    socklen_t size_ = six_ ? sizeof v6_ : sizeof v4_;
};

Fd tcp_socket(int family) {
    return Fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

}  // namespace

Result<ReservedPort> ReservedPort::open(std::uint16_t port) {
    Fd fd = tcp_socket(AF_INET6);
    Anywhere here(fd ? AF_INET6 : AF_INET, port);
    if (!fd) fd = tcp_socket(AF_INET);
    const int yes = 1;
    const int no = 0;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (!here.bind(fd) || !here.read(fd)) {
        return failure(
            Error::from_errno(port == 0 ? "reserve a port" : fmt::format("reserve port {}", port)));
    }
    return ReservedPort(std::move(fd), here.port());
}

// With SO_REUSEADDR, which listeners need for the sake of ended connections, a port that is bound
// but not listened on could be had by two.
bool is_untouched(std::uint16_t port) {
    for (const int family : {AF_INET6, AF_INET}) {
        const Fd fd = tcp_socket(family);
        if (!fd) continue;
        const int yes = 1;
        ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
        if (!Anywhere(family, port).bind(fd) && errno == EADDRINUSE) return false;
    }
    return true;
}

}  // namespace torchelastic::net
