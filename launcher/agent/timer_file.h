// Where the worker watchdog's pipe is to be, and that it is gone in the end.
#pragma once

#include <optional>
#include <string>

#include "agent/environment.h"

namespace torchelastic::agent {

/// Both the keeper and the agent have one, because either may be killed. Only a path that was made
/// up here is removed: at one that the user named, another agent's pipe may be by then.
class TimerFile {
public:
    /// `scratch`: a folder that goes with the job, or null.
    TimerFile(const Environment& environment, const char* scratch);
    ~TimerFile();
    TimerFile(const TimerFile&) = delete;
    TimerFile& operator=(const TimerFile&) = delete;

    /// $TORCHELASTIC_TIMER_FILE, else a name that nobody else has; nothing unless
    /// $TORCHELASTIC_ENABLE_FILE_TIMER is 1, torchrun's rule.
    const std::optional<std::string>& path() const { return path_; }

private:
    std::optional<std::string> path_;
    bool made_up_ = false;
};

}  // namespace torchelastic::agent
