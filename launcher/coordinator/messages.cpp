// The little that messages can say of themselves.
#include "coordinator/messages.h"

#include <fmt/format.h>

#include "base/signal_name.h"

namespace torchelastic::coordinator {

int shell_code(const WorkerFailure& failure) {
    constexpr int kNotStarted = 127;
    constexpr int kSignalled = 128;
    if (failure.never_started) return kNotStarted;
    return failure.signal != 0 ? kSignalled + failure.signal : failure.exit_code;
}

std::string describe(const WorkerFailure& failure) {
    if (failure.never_started) {
        return fmt::format("node {} could not start its workers: {}", failure.agent,
                           failure.message);
    }
    const std::string how = failure.signal != 0
                                ? fmt::format("killed by {}", signal_name(failure.signal))
                                : fmt::format("exit code {}", failure.exit_code);
    return fmt::format("rank {} (node {}, local rank {}, pid {}) failed: {}", failure.rank,
                       failure.agent, failure.local_rank, failure.pid, how);
}

}  // namespace torchelastic::coordinator
