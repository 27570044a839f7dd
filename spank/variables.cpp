// By way of SPANK, into buffers of ours.
#include "spank/variables.h"

#include <memory>

namespace torchelastic::door {

std::string step_variable(spank_t spank, const char* name, int limit) {
    // Not filled with zeros: most of a long buffer's pages are never touched.
    const auto text = std::make_unique_for_overwrite<char[]>(static_cast<std::size_t>(limit));
    if (spank_getenv(spank, name, text.get(), limit) != ESPANK_SUCCESS) return {};
    return text.get();
}

void hand_on(spank_t spank, const char* name, const std::string& value) {
    if (value.empty()) {
        spank_unsetenv(spank, name);
    } else {
        spank_setenv(spank, name, value.c_str(), 1);
    }
}

}  // namespace torchelastic::door
