// Writing cards, and reading them with suspicion.
#include "rdzv/business_card.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::rdzv {

namespace {

constexpr std::string_view kTitle = "torchelastic business card 1";
constexpr std::size_t kMostBytes = 8192;
constexpr std::size_t kMostAddresses = 64;
constexpr std::size_t kLongestName = 255;
constexpr std::size_t kMostDigits = 128;

/// "": the text is not fit to be a name that is logged, compared and put into paths.
std::string as_name(std::string_view text) {
    const bool fit = !text.empty() && text.size() <= kLongestName &&
                     std::all_of(text.begin(), text.end(),
                                 [](char c) { return c > ' ' && c <= '~' && c != '/'; });
    return fit ? std::string(text) : "";
}

std::string as_hexadecimal(std::string_view text) {
    const bool fit = text.size() <= kMostDigits &&
                     text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    return fit ? std::string(text) : "";
}

bool is_numeric(const std::string& address) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    return ::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1 ||
           ::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1;
}

/// One name of a card, and how its value enters; false: the value is no such.
struct Field {
    std::string_view name;
    bool (*set)(BusinessCard& card, std::string_view value);
};

constexpr std::array kFields = {
    Field{"node",
          [](BusinessCard& card, std::string_view value) {
              card.node = as_name(value);
              return !card.node.empty();
          }},
    Field{"address",
          [](BusinessCard& card, std::string_view value) {
              card.addresses.emplace_back(value);
              return is_numeric(card.addresses.back()) && card.addresses.size() <= kMostAddresses;
          }},
    Field{"port",
          [](BusinessCard& card, std::string_view value) {
              const auto port = parse_int(value);
              if (!port || *port < 1 || *port > 65535) return false;
              card.port = static_cast<std::uint16_t>(*port);
              return true;
          }},
    Field{"token",
          [](BusinessCard& card, std::string_view value) {
              card.token = as_hexadecimal(value);
              return !card.token.empty();
          }},
    Field{"run",
          [](BusinessCard& card, std::string_view value) {
              card.run = as_hexadecimal(value);
              return !card.run.empty();
          }},
};

Result<void> read_line(const std::string& line, BusinessCard& card) {
    const auto space = line.find(' ');
    const std::string_view name = std::string_view(line).substr(0, space);
    const std::string_view value =
        space == std::string::npos ? "" : std::string_view(line).substr(space + 1);
    for (const Field& field : kFields) {
        if (field.name != name) continue;
        if (field.set(card, value)) return {};
        return failure(fmt::format("bad {}: '{}'", name, printable(value, 64)));
    }
    return {};
}

}  // namespace

std::string encode(const BusinessCard& card) {
    std::string out = fmt::format("{}\nnode {}\nport {}\ntoken {}\nrun {}\n", kTitle, card.node,
                                  card.port, card.token, card.run);
    for (const std::string& address : card.addresses)
        out += "address " + address + "\n";
    return out;
}

Result<BusinessCard> decode_card(std::string_view bytes) {
    const auto bad = [](const std::string& why) {
        return failure("not a business card of this release: " + why);
    };
    if (bytes.size() > kMostBytes) return bad(fmt::format("it has {} bytes", bytes.size()));
    const std::vector<std::string> lines = split(bytes, '\n');
    if (lines.front() != kTitle) {
        return bad(fmt::format("it begins with '{}'", printable(lines.front(), 64)));
    }
    BusinessCard card;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        if (auto read = read_line(lines[i], card); !read) return bad(read.error().text());
    }
    if (card.node.empty() || card.port == 0 || card.token.empty() || card.run.empty()) {
        return bad("node, port, token and run are not all there");
    }
    return card;
}

std::vector<std::string> distinct_addresses(const std::vector<BusinessCard>& cards,
                                            std::size_t rank) {
    std::map<std::string, std::size_t> owners;
    for (const BusinessCard& card : cards) {
        for (const std::string& address : card.addresses)
            ++owners[address];
    }
    std::vector<std::string> distinct;
    for (const std::string& address : cards[rank].addresses) {
        if (owners[address] == 1) distinct.push_back(address);
    }
    return distinct;
}

}  // namespace torchelastic::rdzv
