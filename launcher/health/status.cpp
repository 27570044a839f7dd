// JSON.
#include "health/status.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace torchelastic::health {

namespace {

using json = nlohmann::ordered_json;

/// To the millisecond.
double seconds(std::chrono::milliseconds ms) {
    constexpr double kMilli = 1e3;
    return static_cast<double>(ms.count()) / kMilli;
}

template <class Time>
double seconds(Time time) {
    return seconds(std::chrono::duration_cast<std::chrono::milliseconds>(time));
}

}  // namespace

std::string alive(const Status& status) {
    const json body = {
        {"status", "ok"},
        {"state", status.state},
        {"round", status.round < 0 ? json(nullptr) : json(status.round)},
        {"restart_count", status.restart_count},
        {"workers_running", status.workers_running},
        {"uptime_s", seconds(status.uptime)},
        {"last_progress", seconds(status.last_progress.time_since_epoch())},
    };
    return body.dump() + "\n";
}

std::string stuck() {
    return json{{"status", "stuck"}}.dump() + "\n";
}

Result<std::uint16_t> parse_port(const std::string& text) {
    constexpr std::int64_t kLast = 65535;
    const auto number = parse_int(trim(text));
    if (number && *number >= 1 && *number <= kLast) return static_cast<std::uint16_t>(*number);
    return failure("TORCHELASTIC_HEALTH_CHECK_PORT='" + printable(text, 64) +
                   "' is no port (1 to 65535)");
}

}  // namespace torchelastic::health
