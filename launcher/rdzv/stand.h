// Where an agent waits for others before it knows whether any will come: a listener, and the card
// that tells of it.
#pragma once

#include <cstdint>
#include <string>

#include "net/listener.h"
#include "rdzv/business_card.h"
#include "rdzv/rendezvous.h"

namespace torchelastic::rdzv {

struct Stand {
    net::Listener listener;
    BusinessCard card;  ///< with a token and a run of its own
};

/// Where other agents may call this one: a free port, of --port-range if there is one.
Result<net::Listener> listen_for_agents(net::Loop& loop, const std::string& node,
                                        const Settings& settings);

/// The card of an agent that listens at `port`, with a token and a run of its own. It names
/// `address` first, unless that is "", or the user's --local-addr alone.
Result<BusinessCard> write_card(const std::string& node, const std::string& address,
                                std::uint16_t port, const Settings& settings);

/// On all of the machine's interfaces.
Result<Stand> open_stand(net::Loop& loop, const std::string& node, const Settings& settings);

}  // namespace torchelastic::rdzv
