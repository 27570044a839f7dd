// The table of timers.
#include "watchdog/timers.h"

#include <algorithm>
#include <limits>

namespace torchelastic::watchdog {

namespace {

using Seconds = std::chrono::duration<double>;

/// Far enough for "never", near enough not to overflow a clock.
constexpr Seconds kFarthest = std::chrono::hours(24 * 365);

Instant deadline(double expires, const Moment& now) {
    const Seconds left = Seconds(expires) - Seconds(now.wall.time_since_epoch());
    const Seconds bounded = std::clamp(left, -kFarthest, kFarthest);
    return now.instant + std::chrono::duration_cast<Duration>(bounded);
}

}  // namespace

bool Timers::take(const Request& request, std::uint64_t born, const Moment& now) {
    const auto key = std::make_pair(request.pid, request.scope);
    const auto known = timers_.lower_bound({request.pid, ""});
    if (known != timers_.end() && known->first.first == request.pid && known->second.born != born) {
        forget(request.pid);
    }
    if (request.releases()) {
        timers_.erase(key);
        return true;
    }
    if (timers_.size() >= kMost && !timers_.contains(key)) return false;
    timers_[key] = {deadline(request.expires, now), request.expires, request.signal, born};
    return true;
}

std::vector<Expired> Timers::expire(Instant now) {
    std::map<int, std::pair<Instant, Expired>> first;
    for (const auto& [key, timer] : timers_) {
        if (timer.deadline > now) continue;
        const auto& [pid, scope] = key;
        const auto known = first.find(pid);
        if (known != first.end()) {
            const auto& [at, chosen] = known->second;
            const bool better = chosen.signal == 0 ? timer.signal != 0 || timer.deadline < at
                                                   : timer.signal != 0 && timer.deadline < at;
            if (!better) continue;
        }
        first[pid] = {timer.deadline, {pid, timer.born, scope, timer.expires, timer.signal}};
    }
    std::vector<Expired> expired;
    for (const auto& [pid, chosen] : first) {
        expired.push_back(chosen.second);
        forget(pid);
    }
    return expired;
}

void Timers::forget(int pid) {
    const auto begin = timers_.lower_bound({pid, ""});
    timers_.erase(begin, timers_.lower_bound({pid + 1, ""}));
}

std::optional<Instant> Timers::next() const {
    const auto soonest = std::min_element(
        timers_.begin(), timers_.end(),
        [](const auto& a, const auto& b) { return a.second.deadline < b.second.deadline; });
    if (soonest == timers_.end()) return std::nullopt;
    return soonest->second.deadline;
}

}  // namespace torchelastic::watchdog
