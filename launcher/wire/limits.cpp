// Workers of one node, signals and exit codes.
#include "wire/limits.h"

#include <csignal>

namespace torchelastic::wire {

namespace {

using namespace coordinator;

constexpr int kMostWorkers = 65536;  // --nproc-per-node takes no more
constexpr int kLastSignal = _NSIG - 1;
constexpr int kLastCode = 255;

bool within(int value, int least, int most) {
    return value >= least && value <= most;
}

const char* check(const Card& card) {
    return within(card.workers, 1, kMostWorkers) ? nullptr : "workers";
}

const char* check(const Failed& failed) {
    if (!within(failed.failure.signal, 0, kLastSignal)) return "signal";
    return within(failed.failure.exit_code, 0, kLastCode) ? nullptr : "exit_code";
}

const char* check(const Leaving& leaving) {
    return within(leaving.signal, 1, kLastSignal) ? nullptr : "signal";
}

const char* check(const Finish& finish) {
    return within(finish.verdict.exit_code, 0, kLastCode) ? nullptr : "exit_code";
}

template <class Kind>
const char* check(const Kind& message) {
    if constexpr (requires { message.card; }) {
        return check(message.card);
    } else {
        return nullptr;
    }
}

}  // namespace

const char* out_of_range(const Message& message) {
    return std::visit([](const auto& each) { return check(each); }, message);
}

}  // namespace torchelastic::wire
