// Asking the kernel for names and interfaces.
#include "net/host.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

namespace torchelastic::net {

namespace {

Interface describe(const ifaddrs& entry) {
    Interface found;
    found.name = entry.ifa_name;
    found.up = (entry.ifa_flags & IFF_UP) != 0;
    found.loopback = (entry.ifa_flags & IFF_LOOPBACK) != 0;
    const int family = entry.ifa_addr->sa_family;
    const void* bits = nullptr;
    if (family == AF_INET) {
        const in_addr& v4 = reinterpret_cast<const sockaddr_in*>(entry.ifa_addr)->sin_addr;
        found.link_local = (ntohl(v4.s_addr) >> 16) == 0xA9FE;
        bits = &v4;
    } else {
        const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr)->sin6_addr;
        found.link_local = IN6_IS_ADDR_LINKLOCAL(&v6);
        bits = &v6;
    }
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(family, bits, text, sizeof text);
    found.address = text;
    return found;
}

}  // namespace

std::string host_name() {
    char name[256] = "";
    ::gethostname(name, sizeof name - 1);
    return name;
}

std::vector<Interface> interfaces() {
    std::vector<Interface> found;
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return found;
    for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr) continue;
        const int family = each->ifa_addr->sa_family;
        if (family == AF_INET || family == AF_INET6) found.push_back(describe(*each));
    }
    ::freeifaddrs(all);
    return found;
}

}  // namespace torchelastic::net
