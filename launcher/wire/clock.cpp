// Measuring.
#include "wire/clock.h"

#include <algorithm>

namespace torchelastic::wire {

namespace {

constexpr std::size_t kKept = 8;
/// Times beyond the year 4000 and ways of more than a minute are nonsense, or a clock that was set
/// in between.
constexpr std::int64_t kLatest = 1LL << 56;
constexpr std::int64_t kLongestWay = 60'000'000;

bool sane(std::int64_t us) {
    return us >= 0 && us < kLatest;
}

}  // namespace

Ping PeerClock::ping(std::int64_t now_us) const {
    Ping ping{.sent_us = now_us};
    if (last_sent_us_ == 0) return ping;
    ping.echo_us = last_sent_us_;
    ping.held_us = std::max<std::int64_t>(0, now_us - last_heard_us_);
    return ping;
}

bool PeerClock::hear(const Ping& ping, std::int64_t now_us) {
    if (ping.sent_us == 0 || !sane(ping.sent_us)) return false;
    last_sent_us_ = ping.sent_us;
    last_heard_us_ = now_us;
    if (ping.echo_us == 0) return true;
    if (!sane(ping.echo_us) || !sane(ping.held_us) || !sane(now_us)) return false;
    const std::int64_t way = now_us - ping.echo_us - ping.held_us;
    if (way < 0 || way > kLongestWay) return false;
    measured_.push_back({ping.sent_us + way / 2 - now_us, way / 2 + 1});
    if (measured_.size() > kKept) measured_.pop_front();
    return false;
}

std::optional<ClockOffset> PeerClock::offset() const {
    if (measured_.empty()) return std::nullopt;
    return *std::min_element(
        measured_.begin(), measured_.end(),
        [](const ClockOffset& a, const ClockOffset& b) { return a.error < b.error; });
}

std::int64_t by_own_clock(std::int64_t their_us, const std::optional<ClockOffset>& offset) {
    if (!offset || (offset->us <= offset->error && -offset->us <= offset->error)) return their_us;
    if (!sane(their_us)) return their_us;
    return their_us - offset->us;
}

}  // namespace torchelastic::wire
