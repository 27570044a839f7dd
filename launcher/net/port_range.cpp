// One port after the other.
#include "net/port_range.h"

#include <random>

#include <fmt/format.h>

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

}  // namespace torchelastic::net
