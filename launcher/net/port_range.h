// The ports that a site's firewall leaves open: which of them to listen on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"
#include "net/listener.h"

namespace torchelastic::net {

/// First and last, inclusive; what --port-range says. Begins anywhere in it, so that jobs that
/// share a range seldom try the same ports, and goes round and round: a port comes again as late as
/// can be.
class PortRange {
public:
    explicit PortRange(std::pair<std::uint16_t, std::uint16_t> range);

    /// Calls `attempt` (of a port, to a Result) with one port after the other until it succeeds:
    /// first with those that nobody uses in any way, then with all. An error names the range, and
    /// what to do.
    template <class Open>
    auto open(Open attempt) -> decltype(attempt(std::uint16_t{})) {
        std::string trouble;
        for (std::size_t i = 0; i < 2 * size_; ++i) {
            const std::uint16_t port = next();
            if (i < size_ && !is_untouched(port)) continue;
            auto opened = attempt(port);
            if (opened) return opened;
            trouble = opened.error().text();
        }
        return failure(full(trouble));
    }

private:
    std::uint16_t next();
    Error full(const std::string& trouble) const;

    std::uint16_t first_;
    std::size_t size_;
    std::size_t next_;
};

}  // namespace torchelastic::net
