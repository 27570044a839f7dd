// The addresses by which other nodes may reach this one. Pure.
#pragma once

#include <string>
#include <vector>

#include "net/host.h"

namespace torchelastic::rdzv {

/// Of the interfaces that are up, IPv4 first, else in the given order. Neither loopback nor
/// link-local ones: the former lead nowhere, the latter need an interface's name, or belong to the
/// management controller inside each node (DGX).
std::vector<std::string> own_addresses(const std::vector<net::Interface>& interfaces);

}  // namespace torchelastic::rdzv
