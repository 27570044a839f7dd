// Workers of one node, signals, exit codes and rounds.
#include "wire/limits.h"

#include <csignal>

namespace torchelastic::wire {

namespace {

using namespace coordinator;

constexpr int kMostWorkers = 65536;  // --nproc-per-node takes no more
constexpr int kLastSignal = _NSIG - 1;
constexpr int kLastCode = 255;
constexpr int kMostCounted =
    1 << 30;  // epochs, rounds, restarts and nodes are counted on from here

bool within(int value, int least, int most) {
    return value >= least && value <= most;
}

const char* check(const Card& card) {
    return within(card.workers, 1, kMostWorkers) ? nullptr : "workers";
}

const char* check(const LastRound& last) {
    if (!within(last.epoch, 0, kMostCounted)) return "epoch";
    if (!within(last.number, -1, kMostCounted)) return "round";
    if (!within(last.restart_count, 0, kMostCounted)) return "restart_count";
    const int least = last.number < 0 ? 0 : 1;
    return within(last.group_size, least, kMostCounted) ? nullptr : "group_size";
}

/// Only agents that know of a round report.
const char* check(const Report& report) {
    if (const char* field = check(report.card)) return field;
    return report.last.number < 0 ? "round" : check(report.last);
}

const char* check(const Roster& roster) {
    return check(roster.last);
}

const char* check(const Failed& failed) {
    if (!within(failed.failure.signal, 0, kLastSignal)) return "signal";
    return within(failed.failure.exit_code, 0, kLastCode) ? nullptr : "exit_code";
}

template <class Kind>
const char* check_signal(const Kind& message) {
    return within(message.signal, 1, kLastSignal) ? nullptr : "signal";
}

const char* check(const Leaving& leaving) {
    return check_signal(leaving);
}

const char* check(const Notified& notified) {
    return check_signal(notified);
}

/// The time is compared and shown, never counted on.
const char* check(const Notify& notify) {
    if (const char* field = check_signal(notify)) return field;
    return notify.deadline_s >= 0 ? nullptr : "deadline_s";
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
