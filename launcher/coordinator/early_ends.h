// Remembers whether a job fails again and again before it can have done anything. For words only:
// a file system or a GPU that is not there yet makes programs fail just so, and whoever asked for
// restarts asked for them.
#pragma once

#include <string>

#include "base/time.h"
#include "coordinator/messages.h"

namespace torchelastic::coordinator {

class EarlyEnds {
public:
    /// The workers of a round begin to run.
    void begin(Instant now) { began_ = now; }

    /// A round fails on account of this worker.
    void add(const WorkerFailure& cause, Instant now);

    /// "all 3 attempts failed alike within 0.4 s of their start, ..."; empty unless there were
    /// several, all with the same exit code, none of which ran for ten seconds.
    std::string words() const;

private:
    Instant began_{};
    int attempts_ = 0;
    int code_ = 0;
    Duration longest_{};
    bool alike_ = true;
};

}  // namespace torchelastic::coordinator
