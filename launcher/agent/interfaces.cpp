// Looking at the host's name and interfaces.
#include "agent/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "base/endpoint.h"

namespace torchelastic::agent {

namespace {

std::string numeric(const sockaddr* address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address->sa_family == AF_INET) {
        ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text,
                    sizeof text);
    } else if (address->sa_family == AF_INET6) {
        ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text,
                    sizeof text);
    }
    return text;
}

std::optional<std::string> interface_with(const std::string& address) {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return std::nullopt;
    std::optional<std::string> found;
    for (const ifaddrs* each = all; each != nullptr && !found; each = each->ifa_next) {
        if (each->ifa_addr != nullptr && numeric(each->ifa_addr) == address) found = each->ifa_name;
    }
    ::freeifaddrs(all);
    return found;
}

/// True if the hosts file gives `name` an address of one of our interfaces but loopback.
bool leads_to_this_host(const std::string& name) {
    std::ifstream hosts("/etc/hosts");
    std::string line;
    while (std::getline(hosts, line)) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string address;
        std::string alias;
        words >> address;
        while (words >> alias) {
            if (alias != name || address.starts_with("127.") || address == "::1") continue;
            if (interface_with(address)) return true;
        }
    }
    return false;
}

}  // namespace

std::optional<std::string> gloo_interface(const std::string& address) {
    char name[256] = "";
    ::gethostname(name, sizeof name - 1);
    if (leads_to_this_host(name)) return std::nullopt;
    return interface_with(address);
}

}  // namespace torchelastic::agent
