// When Slurm will end the job: asked at the moment when somebody wants to know, because preemption
// and admins change it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "agent/environment.h"
#include "base/fd.h"
#include "net/loop.h"
#include "process/child.h"

namespace torchelastic::agent {

class Deadline {
public:
    /// Seconds since the epoch; 0 if nobody knows. Called from the loop.
    using Answer = std::function<void(std::int64_t at_s)>;

    Deadline(net::Loop& loop, process::Reaper& reaper, const Environment& environment)
        : loop_(loop), reaper_(reaper), environment_(environment), patience_(loop) {}

    /// By squeue(1), if it is there and answers within two seconds, else by SLURM_JOB_END_TIME,
    /// which Slurm 23.02 and later set when the job starts. Asked again meanwhile, one answer
    /// serves all.
    void ask(Answer answer);

private:
    bool start();
    void read_answer(process::ExitStatus status);
    void finish(std::int64_t at_s);
    std::int64_t fallback() const;

    net::Loop& loop_;
    process::Reaper& reaper_;
    const Environment& environment_;
    net::Timer patience_;
    Fd output_;
    std::optional<process::Child> squeue_;
    std::vector<Answer> waiting_;
};

}  // namespace torchelastic::agent
