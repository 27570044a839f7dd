// One port after the other.
#include "net/port_range.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <random>

#include <fmt/format.h>

#include "base/fd.h"

namespace torchelastic::net {

PortRange::PortRange(std::pair<std::uint16_t, std::uint16_t> range)
    : first_(range.first),
      size_(std::size_t{range.second} - range.first + 1),
      next_(std::random_device()() % size_) {}

std::uint16_t PortRange::next() {
    const std::size_t chosen = next_;
    next_ = (next_ + 1) % size_;
    return static_cast<std::uint16_t>(first_ + chosen);
}

Error PortRange::full(const std::string& trouble) const {
    return Error(fmt::format(
        "no port of --port-range={}-{} is free (name a wider range, or end what holds them): {}",
        first_, first_ + size_ - 1, trouble));
}

// With SO_REUSEADDR, which listeners need for the sake of ended connections, a port that is bound
// but not listened on could be had by two.
bool PortRange::untouched(std::uint16_t port) {
    for (const int family : {AF_INET6, AF_INET}) {
        const Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (!fd) continue;
        sockaddr_in6 any6{};
        any6.sin6_family = AF_INET6;
        any6.sin6_port = htons(port);
        sockaddr_in any4{};
        any4.sin_family = AF_INET;
        any4.sin_port = htons(port);
        const int yes = 1;
        ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
        const bool six = family == AF_INET6;
        const auto* address =
            six ? reinterpret_cast<sockaddr*>(&any6) : reinterpret_cast<sockaddr*>(&any4);
        const socklen_t length = six ? sizeof any6 : sizeof any4;
        if (::bind(fd.get(), address, length) != 0 && errno == EADDRINUSE) return false;
    }
    return true;
}

}  // namespace torchelastic::net
