// Choosing among interfaces.
#include "rdzv/own_addresses.h"

namespace torchelastic::rdzv {

std::vector<std::string> own_addresses(const std::vector<net::Interface>& interfaces) {
    std::vector<std::string> v4;
    std::vector<std::string> v6;
    for (const net::Interface& each : interfaces) {
        if (!each.up || each.loopback || each.link_local) continue;
        (each.address.find(':') == std::string::npos ? v4 : v6).push_back(each.address);
    }
    v4.insert(v4.end(), v6.begin(), v6.end());
    return v4;
}

}  // namespace torchelastic::rdzv
