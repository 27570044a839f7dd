// Words about jobs that fail early.
#include "coordinator/early_ends.h"

#include <algorithm>

#include <fmt/format.h>

namespace torchelastic::coordinator {

void EarlyEnds::add(const WorkerFailure& cause, Instant now) {
    constexpr Duration kEarly = std::chrono::seconds(10);
    const int code = shell_code(cause);
    longest_ = std::max(longest_, now - began_);
    alike_ = alike_ && longest_ < kEarly && (attempts_ == 0 || code == code_);
    code_ = code;
    attempts_ += 1;
}

std::string EarlyEnds::words() const {
    if (!alike_ || attempts_ < 2) return "";
    const std::chrono::duration<double> longest = longest_;
    return fmt::format(
        "all {} attempts failed alike within {:.1f} s of their start, which a restart seldom mends",
        attempts_, std::max(longest.count(), 0.1));
}

}  // namespace torchelastic::coordinator
