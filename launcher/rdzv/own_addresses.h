// The addresses by which other nodes may reach this one.
#pragma once

#include <string>
#include <vector>

namespace torchelastic::rdzv {

/// Numeric addresses of all interfaces that are up, IPv4 first, else in the kernel's order. Neither
/// loopback nor link-local ones: the former lead nowhere, the latter need an interface's name, or
/// belong to the management controller inside each node (DGX).
std::vector<std::string> own_addresses();

}  // namespace torchelastic::rdzv
