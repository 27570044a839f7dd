// By way of SPANK, into buffers of ours.
#include "spank/variables.h"

#include <cstring>

namespace torchelastic::door {

std::string step_variable(spank_t spank, const char* name, int limit) {
    std::string text(static_cast<std::size_t>(limit), '\0');
    if (spank_getenv(spank, name, text.data(), limit) != ESPANK_SUCCESS) return {};
    text.resize(std::strlen(text.c_str()));
    return text;
}

void hand_on(spank_t spank, const char* name, const std::string& value) {
    if (value.empty()) {
        spank_unsetenv(spank, name);
    } else {
        spank_setenv(spank, name, value.c_str(), 1);
    }
}

}  // namespace torchelastic::door
