// Time as a value: deciding code is handed an Instant and never reads a clock.
#pragma once

#include <chrono>

namespace torchelastic {

/// Monotonic time of this machine; only differences mean something.
using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// Time of day, for people and for files.
using WallTime = std::chrono::system_clock::time_point;

/// The same moment by both clocks.
struct Moment {
    Instant instant;
    WallTime wall;
};

inline Moment moment() {
    return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
}

}  // namespace torchelastic
