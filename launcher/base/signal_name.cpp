// Names of signals, from the C library's table, and their meanings, from ours.
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

std::string_view signal_meaning(int signal) {
    switch (signal) {
        case SIGSEGV:
            return "invalid memory reference";
        case SIGBUS:
            return "memory without a file behind it, as where /dev/shm is full";
        case SIGABRT:
            return "abort() was called";
        case SIGFPE:
            return "erroneous arithmetic operation";
        case SIGILL:
            return "instruction unknown to this CPU";
        case SIGSYS:
            return "forbidden system call";
        case SIGPIPE:
            return "wrote to a pipe that nobody reads";
        case SIGXCPU:
            return "limit of CPU time";
        case SIGXFSZ:
            return "limit of file size";
        case SIGTRAP:
            return "breakpoint or failed assertion";
        default:
            return "";
    }
}

}  // namespace torchelastic
