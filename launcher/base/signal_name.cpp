// Names of signals, from the C library's table.
#include "base/signal_name.h"

#include <csignal>
#include <cstring>

namespace torchelastic {

std::string signal_name(int signal) {
    if (const char* name = ::sigabbrev_np(signal)) return std::string("SIG") + name;
    if (signal == SIGRTMIN) return "SIGRTMIN";
    if (signal == SIGRTMAX) return "SIGRTMAX";
    if (signal > SIGRTMIN && signal < SIGRTMAX) {
        return "SIGRTMIN+" + std::to_string(signal - SIGRTMIN);
    }
    return "signal " + std::to_string(signal);
}

}  // namespace torchelastic
