// The one place of this process that takes the dead away: its own children, and the orphans that
// it adopts as child subreaper.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "net/loop.h"

namespace torchelastic::process {

/// How deaths are noticed. `best` is both: a pidfd works where a library's thread took our SIGCHLD,
/// SIGCHLD works on kernels before 5.3 and tells of adopted orphans. The others are for tests.
enum class Notice { best, pidfd, sigchld };

/// Makes this process a child subreaper and reaps whatever dies below it. A process that this one
/// forked and that is no Child loses its exit status to the reaper: there is one reaper per
/// process, made once, and everything else is started as a Child.
class Reaper {
public:
    static Result<std::unique_ptr<Reaper>> open(net::Loop& loop, Notice notice = Notice::best);

    Reaper(const Reaper&) = delete;
    Reaper& operator=(const Reaper&) = delete;

    /// Reaps all who are dead: children of our own get their exit event, others are forgotten.
    void reap();

    /// True if this process has no child left, alive or dead, and so no descendant: a child
    /// subreaper without children has none.
    static bool childless();

    /// Children of our own that were not reaped yet.
    std::vector<pid_t> own() const;

    Notice notice() const { return notice_; }

private:
    friend class Child;

    explicit Reaper(Notice notice) : notice_(notice) {}

    /// `dead` is called when `pid` is found dead; it reaps and dismisses.
    void enroll(pid_t pid, std::function<void()> dead) { own_[pid] = std::move(dead); }
    void dismiss(pid_t pid) { own_.erase(pid); }

    Notice notice_;
    std::map<pid_t, std::function<void()>> own_;
    std::optional<net::Signals> signals_;
};

}  // namespace torchelastic::process
