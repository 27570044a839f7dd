// Names of signals, from the C library's table.
#include "base/signal_name.h"

#include <cstring>

namespace torchelastic {

std::string signal_name(int signal) {
    const char* name = ::sigabbrev_np(signal);
    if (name == nullptr) return "signal " + std::to_string(signal);
    return std::string("SIG") + name;
}

}  // namespace torchelastic
