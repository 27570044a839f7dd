// What the health port answers. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace torchelastic::health {

/// The agent at one moment.
struct Status {
    std::string state;  ///< joining, waiting, running, stopping, over
    int round = -1;     ///< -1: none was formed yet
    int restart_count = 0;
    int workers_running = 0;
    Duration uptime{};
    WallTime last_progress;  ///< when the agent's state changed last
};

/// {"status": "ok", "state": "running", "round": 0, "restart_count": 0, "workers_running": 2,
/// "uptime_s": 1.25, "last_progress": 1.7e9 (seconds since the epoch)}; round is null before the
/// first.
std::string alive(const Status& status);

/// {"status": "stuck"}: the agent's loop does not answer.
std::string stuck();

/// TORCHELASTIC_HEALTH_CHECK_PORT.
Result<std::uint16_t> parse_port(const std::string& text);

}  // namespace torchelastic::health
