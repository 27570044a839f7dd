// Asking the kernel for interfaces.
#include "rdzv/own_addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

namespace torchelastic::rdzv {

namespace {

std::string numeric(int family, const void* address) {
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(family, address, text, sizeof text);
    return text;
}

void add(const sockaddr* address, std::vector<std::string>& v4, std::vector<std::string>& v6) {
    if (address->sa_family == AF_INET) {
        const in_addr& bits = reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
        const bool link_local = (ntohl(bits.s_addr) >> 16) == 0xA9FE;  // 169.254.0.0/16
        if (!link_local) v4.push_back(numeric(AF_INET, &bits));
    } else if (address->sa_family == AF_INET6) {
        const in6_addr& bits = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
        if (!IN6_IS_ADDR_LINKLOCAL(&bits)) v6.push_back(numeric(AF_INET6, &bits));
    }
}

}  // namespace

std::vector<std::string> own_addresses() {
    std::vector<std::string> v4;
    std::vector<std::string> v6;
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return v4;
    for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
        const bool usable =
            (each->ifa_flags & IFF_UP) != 0 && (each->ifa_flags & IFF_LOOPBACK) == 0;
        if (usable && each->ifa_addr != nullptr) add(each->ifa_addr, v4, v6);
    }
    ::freeifaddrs(all);
    v4.insert(v4.end(), v6.begin(), v6.end());
    return v4;
}

}  // namespace torchelastic::rdzv
