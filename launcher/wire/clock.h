// How far a peer's clock is from this node's, from what pings carry: NTP's formula. Pure: the time
// comes in, in microseconds since the epoch by the node's own clock.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace torchelastic::wire {

/// "I am alive": sent by both sides whenever the keep-alive interval has passed.
struct Ping {
    std::int64_t sent_us = 0;  ///< when, by the sender's clock
    std::int64_t echo_us = 0;  ///< `sent_us` of the last ping that the sender got; 0 if it got none
    std::int64_t held_us = 0;  ///< how long before this one it got that
    bool operator==(const Ping&) const = default;
};

struct ClockOffset {
    std::int64_t us = 0;     ///< the peer's clock minus this node's
    std::int64_t error = 0;  ///< it may be so many microseconds more or less
};

class PeerClock {
public:
    Ping ping(std::int64_t now_us) const;

    /// Takes a ping. True: the peer has heard none of ours yet, and an answer at once tells it
    /// most.
    bool hear(const Ping& ping, std::int64_t now_us);

    /// The best of the last eight measurements: the one whose way to and fro was shortest.
    std::optional<ClockOffset> offset() const;

private:
    std::int64_t last_sent_us_ = 0;   // of the peer's last ping, by its clock
    std::int64_t last_heard_us_ = 0;  // when that came, by ours
    std::deque<ClockOffset> measured_;
};

/// The same moment by this node's clock. An offset that may be none at all is taken for none.
std::int64_t by_own_clock(std::int64_t their_us, const std::optional<ClockOffset>& offset);

}  // namespace torchelastic::wire
