// The timers that workers have set on themselves: who is to be killed, and when to look next. Pure:
// requests and the time come in, kills go out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "watchdog/request.h"

namespace torchelastic::watchdog {

/// A process whose timer ran out.
struct Expired {
    int pid = 0;
    std::uint64_t born = 0;  ///< which process of that pid: its start time, as process::Process has
    std::string scope;
    double expired_at = 0;  ///< seconds since the epoch, as the worker gave it
    int signal = 0;         ///< 0: it asked for none

    bool operator==(const Expired&) const = default;
};

/// A worker's deadline is a time of day, and is turned into one of the monotonic clock when it is
/// heard: a clock that is set afterwards kills nobody.
class Timers {
public:
    /// More than that are a worker gone mad.
    static constexpr std::size_t kMost = 1U << 16;

    /// Sets, replaces or releases the timer of (pid, scope). `born` tells the process from a later
    /// one of the same pid, whose request drops what the dead one left. False: there are too many
    /// already.
    bool take(const Request& request, std::uint64_t born, const Moment& now);

    /// Takes out the processes one of whose timers has run out, with all of their timers. Of
    /// several of one process the one that ran out first and has a signal counts, as with torchrun.
    std::vector<Expired> expire(Instant now);

    /// The process is dead.
    void forget(int pid);

    /// When expire() will have something to say.
    std::optional<Instant> next() const;

    std::size_t size() const { return timers_.size(); }

private:
    struct Timer {
        Instant deadline;
        double expires;
        int signal;
        std::uint64_t born;
    };

    std::map<std::pair<int, std::string>, Timer> timers_;
};

}  // namespace torchelastic::watchdog
