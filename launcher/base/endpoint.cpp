// Parsing and printing of host and port.
#include "base/endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic {

namespace {

bool is_host(std::string_view host) {
    return !host.empty() && std::all_of(host.begin(), host.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '_' || c == '.' || c == ':' || c == '-';
    });
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port) {
    const std::string_view whole = trim(text);
    std::string_view host = whole;
    std::uint16_t port = default_port;
    if (!(whole.starts_with('[') && whole.ends_with(']'))) {
        const auto colon = whole.rfind(':');
        if (colon != std::string_view::npos) {
            host = whole.substr(0, colon);
            const std::string_view digits = whole.substr(colon + 1);
            const auto value = parse_int(digits);
            if (!value || *value < 0 || *value > 65535 || digits.size() > 5 ||
                !std::isdigit(static_cast<unsigned char>(digits[0]))) {
                return failure(
                    fmt::format("the port of the endpoint '{}' must be a number from 0 to 65535",
                                printable(whole, 200)));
            }
            port = static_cast<std::uint16_t>(*value);
        }
    }
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (!is_host(host)) {
        return failure(
            fmt::format("the host of the endpoint '{}' must be a name, an IPv4 or an IPv6 address",
                        printable(whole, 200)));
    }
    return Endpoint{std::string(host), port};
}

std::string to_string(const Endpoint& endpoint) {
    if (endpoint.host.find(':') != std::string::npos) {
        return fmt::format("[{}]:{}", endpoint.host, endpoint.port);
    }
    return fmt::format("{}:{}", endpoint.host, endpoint.port);
}

bool is_numeric_address(std::string_view text) {
    const std::string address(text);
    in6_addr bits{};
    return ::inet_pton(AF_INET, address.c_str(), &bits) == 1 ||
           ::inet_pton(AF_INET6, address.c_str(), &bits) == 1;
}

std::string plain_address(std::string_view address) {
    constexpr std::string_view kMapped = "::ffff:";
    if (address.starts_with(kMapped) && address.find('.') != std::string_view::npos) {
        address.remove_prefix(kMapped.size());
    }
    return std::string(address);
}

}  // namespace torchelastic
