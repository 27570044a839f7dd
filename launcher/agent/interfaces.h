// Which network interface Gloo is to use. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/host.h"

namespace torchelastic::agent {

/// Gloo binds to the address that the host's own name stands for; where that is none, or loopback
/// (Debian's 127.0.1.1), ranks of other nodes are refused or hang (torch 1.13). Then this is the
/// interface that has `address`, by which the other nodes reach this one; else nothing. Only
/// `hosts`, the text of /etc/hosts, is asked: an answer from DNS may take long, and what it says of
/// a host whose own hosts file is silent leads to `address` at best.
std::optional<std::string> gloo_interface(const std::string& hosts, const std::string& host,
                                          const std::vector<net::Interface>& interfaces,
                                          const std::string& address);

}  // namespace torchelastic::agent
