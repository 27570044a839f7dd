// Meeting where the user says: at a host and port that every agent was given (torchrun's c10d and
// static). The agent on that host coordinates; of several there, the first to take the port.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/host.h"
#include "rdzv/rendezvous.h"

namespace torchelastic::rdzv {

struct MeetingPoint {
    coordinator::Membership membership = coordinator::Membership::open;
    std::string host;                  ///< a name or an address, the same on all nodes
    std::vector<std::uint16_t> ports;  ///< tried in order; the same on all nodes
    /// This agent coordinates, or does not. Nothing: if `host` is an address of this machine and
    /// one of `ports` is free, it does; else it asks who listens there.
    std::optional<bool> is_host;
    std::string option;  ///< where the user gave it, for messages: "--rdzv-endpoint"
};

/// What an agent knows of itself.
struct Self {
    coordinator::AgentId id;
    int order = 0;
    Credentials credentials;
};

std::unique_ptr<Rendezvous> endpoint_rendezvous(net::Loop& loop, MeetingPoint point, Self self,
                                                Settings settings);

/// The address by which others reach this agent, whose connection to the coordinator (or whose
/// listener) has `used`: that, unless it is loopback and the machine has a better one. Pure.
std::string reachable_address(const std::string& used,
                              const std::vector<net::Interface>& interfaces);

}  // namespace torchelastic::rdzv
