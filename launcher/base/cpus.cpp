// Writing CPU lists.
#include "base/cpus.h"

#include <fmt/format.h>

namespace torchelastic {

std::string cpu_list(const Cpus& cpus) {
    std::string list;
    for (std::size_t first = 0; first < cpus.size();) {
        std::size_t last = first;
        while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1)
            ++last;
        if (!list.empty()) list += ',';
        list += last == first ? fmt::format("{}", cpus[first])
                              : fmt::format("{}-{}", cpus[first], cpus[last]);
        first = last + 1;
    }
    return list;
}

}  // namespace torchelastic
