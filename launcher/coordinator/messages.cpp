// The little that messages can say of themselves.
#include "coordinator/messages.h"

#include <csignal>

#include <fmt/format.h>

#include "base/signal_name.h"

namespace torchelastic::coordinator {

int shell_code(const WorkerFailure& failure) {
    constexpr int kNotStarted = 127;
    constexpr int kSignalled = 128;
    if (failure.never_started) return kNotStarted;
    return failure.signal != 0 ? kSignalled + failure.signal : failure.exit_code;
}

namespace {

bool killed_for_memory(const WorkerFailure& failure) {
    return failure.signal == SIGKILL && !failure.out_of_memory.empty();
}

}  // namespace

std::string signal_words(const WorkerFailure& failure) {
    if (failure.signal == 0) return "";
    std::string meaning(signal_meaning(failure.signal));
    if (killed_for_memory(failure)) meaning = "killed by the kernel: " + failure.out_of_memory;
    if (failure.dumped_core) meaning += meaning.empty() ? "core dumped" : ", core dumped";
    return signal_name(failure.signal) + (meaning.empty() ? "" : ": " + meaning);
}

std::string describe(const WorkerFailure& failure) {
    if (failure.never_started) {
        return fmt::format("node {} could not start its workers: {}", failure.agent,
                           failure.message);
    }
    std::string how = fmt::format("exit code {}", failure.exit_code);
    if (failure.signal != 0) how = "killed by " + signal_words(failure);
    if (killed_for_memory(failure)) {
        how = "killed by the kernel (SIGKILL): " + failure.out_of_memory;
    }
    return fmt::format("rank {} (node {}, local rank {}, pid {}) failed: {}", failure.rank,
                       failure.agent, failure.local_rank, failure.pid, how);
}

}  // namespace torchelastic::coordinator
