// A host and a port, as users write them and as sockets want them. Pure: nothing is resolved.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace torchelastic {

/// Where something listens. `host` is a name or a numeric IPv4 or IPv6 address without brackets.
struct Endpoint {
    std::string host;
    std::uint16_t port = 0;

    bool operator==(const Endpoint&) const = default;
};

/// "host:port", "[v6]:port", "host", "[v6]" (then `default_port`). Grammar and limits are
/// torchrun's.
Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port);

/// "host:port", an IPv6 address in brackets.
std::string to_string(const Endpoint& endpoint);

/// IPv4 or IPv6, without brackets.
bool is_numeric_address(std::string_view text);

/// The address without an IPv4-mapped prefix: "::ffff:10.0.0.1" is "10.0.0.1".
std::string plain_address(std::string_view address);

}  // namespace torchelastic
