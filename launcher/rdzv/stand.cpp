// Listening, and writing the card.
#include "rdzv/stand.h"

#include <utility>

#include "net/connection.h"
#include "net/host.h"
#include "net/port_range.h"
#include "rdzv/own_addresses.h"
#include "wire/handshake.h"

namespace torchelastic::rdzv {

namespace {

Result<std::vector<std::string>> places(const std::string& address, const Settings& settings) {
    if (settings.local_address) {
        auto found = net::resolve(*settings.local_address);
        if (!found) return failure(std::move(found).error().because("--local-addr"));
        return found;
    }
    std::vector<std::string> addresses = own_addresses(net::interfaces());
    if (address.empty()) return addresses;
    std::erase(addresses, address);
    addresses.insert(addresses.begin(), address);
    return addresses;
}

}  // namespace

Result<net::Listener> listen_for_agents(net::Loop& loop, const std::string& node,
                                        const Settings& settings) {
    if (!settings.port_range) return net::Listener::open(loop, "", 0);
    auto listener = net::PortRange(*settings.port_range).open([&](std::uint16_t port) {
        return net::Listener::open(loop, "", port);
    });
    if (listener) return listener;
    return failure(std::move(listener).error().because("listen for other agents on node " + node));
}

Result<BusinessCard> write_card(const std::string& node, const std::string& address,
                                std::uint16_t port, const Settings& settings) {
    auto addresses = places(address, settings);
    if (!addresses) return failure(std::move(addresses).error());
    BusinessCard card;
    card.node = node;
    card.addresses = std::move(*addresses);
    card.port = port;
    card.token = wire::random_hexadecimal(32);
    card.run = wire::random_hexadecimal(8);
    return card;
}

Result<Stand> open_stand(net::Loop& loop, const std::string& node, const Settings& settings) {
    auto listener = listen_for_agents(loop, node, settings);
    if (!listener) return failure(std::move(listener).error());
    auto card = write_card(node, "", listener->port(), settings);
    if (!card) return failure(std::move(card).error());
    return Stand{std::move(*listener), std::move(*card)};
}

}  // namespace torchelastic::rdzv
