// Tells the workers of this node of what comes: by a file that they can read, and by a signal.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/notice.h"
#include "net/loop.h"
#include "report/log.h"

namespace torchelastic::agent {

class Notifier {
public:
    /// The pids of the workers that run, by local rank, and 0 for one that has ended.
    using Running = std::function<std::vector<pid_t>()>;

    Notifier(net::Loop& loop, report::Log& log, Running running)
        : log_(log), timer_(loop), running_(std::move(running)) {}

    /// Where notices are left from now on; empty for nowhere.
    void use(const std::string& path);

    /// New workers run: they are told of what the last ones were told to expect.
    void begin();

    /// Leaves a notice for workers that are about to be signalled, by somebody else.
    void leave(const Notice& notice);

    /// Leaves a notice and signals those workers that listen; the others, and those that begin
    /// later, as soon as they do, until the deadline, or for a minute if there is none. If the
    /// workers `have_it`, only those that begin later are signalled.
    void notify(Notice notice, bool have_it);

    /// The workers are being stopped.
    void end();

private:
    void expect_all();
    void signal_listeners();
    bool expired() const;
    void write();

    report::Log& log_;
    net::Timer timer_;
    std::string path_;
    bool warned_ = false;
    int number_ = 0;
    Notice latest_;
    Running running_;
    std::optional<Notice> pending_;
    WallTime until_;
    std::set<std::size_t> deaf_;  // local ranks that were not signalled, because they do not listen
};

}  // namespace torchelastic::agent
