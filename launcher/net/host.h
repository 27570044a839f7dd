// What this host calls itself, and where its network interfaces are.
#pragma once

#include <string>
#include <vector>

namespace torchelastic::net {

/// gethostname(2).
std::string host_name();

/// One address of one interface.
struct Interface {
    std::string name;
    std::string address;  ///< numeric
    bool up = true;
    bool loopback = false;
    bool link_local = false;  ///< 169.254.0.0/16 or fe80::/10
};

/// All IPv4 and IPv6 addresses of this host, in the kernel's order.
std::vector<Interface> interfaces();

}  // namespace torchelastic::net
