// Which network interface Gloo is to use.
#pragma once

#include <optional>
#include <string>

namespace torchelastic::agent {

/// Gloo binds to the address that the host's own name stands for; where that is none, or loopback
/// (Debian's 127.0.1.1), ranks of other nodes are refused or hang (torch 1.13). Then this is the
/// interface that has `address`, by which the other nodes reach this one; else nothing. Only
/// /etc/hosts is asked: an answer from DNS may take long, and what it says of a host whose own
/// hosts file is silent leads to `address` at best.
std::optional<std::string> gloo_interface(const std::string& address);

}  // namespace torchelastic::agent
