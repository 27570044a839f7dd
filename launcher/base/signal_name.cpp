// Names of signals, from the C library's table.
#include "base/signal_name.h"

#include <csignal>
#include <cstring>
#include <utility>

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

std::optional<int> signal_number(std::string_view name) {
    constexpr std::pair<std::string_view, int> kOtherNames[] = {
        {"SIGIOT", SIGIOT}, {"SIGCLD", SIGCHLD}, {"SIGPOLL", SIGPOLL}, {"SIGIO", SIGIO}};
    for (const auto& [other, number] : kOtherNames) {
        if (name == other) return number;
    }
    for (int number = 1; number <= SIGRTMAX; ++number) {
        // The C library keeps those between the last plain one and SIGRTMIN to itself.
        if (signal_name(number) == name && !name.starts_with("signal")) return number;
    }
    return std::nullopt;
}

}  // namespace torchelastic
