// What a worker can read about a signal that it is sent: the file that its variable
// TORCHELASTIC_NOTICE_FILE names. There is one file per node, and it holds the latest notice.
//
//     {"event": "notify", "signal": "SIGUSR1", "number": 1, "round": 0, "time": 1790000000.25,
//      "deadline": 1790000060.0, "reason": "SIGUSR1 was sent to the job"}
//
// It is there from the beginning: Slurm's proctrack/linuxproc signals workers itself, sooner than
// the agent can.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace torchelastic::agent {

struct Notice {
    enum class Event {
        none,       ///< there was nothing yet
        notify,     ///< a signal that does not end anything by itself: the job goes on
        restart,    ///< these workers end, and new ones follow
        interrupt,  ///< the job was told to end, all of it, and in order
        end,        ///< the job ends, for instance because a worker failed
    };
    Event event = Event::none;
    int signal = 0;  ///< 0 for none
    int round = 0;
    std::string reason;
    /// `notify`: when the scheduler ends the job, if it says so. Else when SIGKILL follows, which
    /// in a time of grace before a preemption may be later.
    std::optional<WallTime> deadline;
};

/// One line of JSON. `number` counts the notices of this node from 1; times are seconds since the
/// epoch. Pure.
std::string notice_document(const Notice& notice, int number, WallTime now);

/// Replaces the file in one step: whoever reads it finds this document or the one before it.
Result<void> write_notice(const std::string& path, const std::string& document);

}  // namespace torchelastic::agent
