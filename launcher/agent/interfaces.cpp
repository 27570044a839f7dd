// Reading the hosts file as Gloo's look-up will.
#include "agent/interfaces.h"

#include <sstream>

namespace torchelastic::agent {

namespace {

const net::Interface* interface_with(const std::vector<net::Interface>& interfaces,
                                     const std::string& address) {
    for (const net::Interface& each : interfaces) {
        if (each.address == address) return &each;
    }
    return nullptr;
}

/// True if the hosts file gives `host` an address of one of our interfaces but loopback.
bool leads_here(const std::string& hosts, const std::string& host,
                const std::vector<net::Interface>& interfaces) {
    std::istringstream lines(hosts);
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string address;
        std::string alias;
        words >> address;
        while (words >> alias) {
            if (alias != host) continue;
            const net::Interface* found = interface_with(interfaces, address);
            if (found != nullptr && !found->loopback) return true;
        }
    }
    return false;
}

}  // namespace

std::optional<std::string> gloo_interface(const std::string& hosts, const std::string& host,
                                          const std::vector<net::Interface>& interfaces,
                                          const std::string& address) {
    if (leads_here(hosts, host, interfaces)) return std::nullopt;
    const net::Interface* found = interface_with(interfaces, address);
    if (found == nullptr) return std::nullopt;
    return found->name;
}

}  // namespace torchelastic::agent
