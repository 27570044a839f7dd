// The way to ask for the job to be requeued: this process may be in a container, without Slurm's
// programs and key, so it leaves a word with slurmstepd, whose plugin asks Slurm.
#pragma once

#include "agent/environment.h"
#include "base/fd.h"
#include "coordinator/messages.h"

namespace torchelastic::agent {

/// The plugin's file in memory, an open descriptor that TORCHELASTIC_STEP_REQUEUE names: what the
/// step ended of, as far as its agent knows. It holds at most one word, which the plugin reads
/// when the task is gone, however it went.
class RequeueSlip {
public:
    RequeueSlip() = default;
    explicit RequeueSlip(const Environment& environment);

    /// The job was told to end: Slurm knows whether by preemption, time limit or scancel(1).
    void told_to_end() { write("interrupted"); }

    /// The end of the job, as this agent knows it.
    void conclude(coordinator::Outcome outcome);

    /// Nobody would read it.
    bool missing() const { return !file_; }

private:
    void write(const char* word);

    Fd file_;
};

}  // namespace torchelastic::agent
