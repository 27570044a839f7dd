// Our own words on stderr, without ever waiting for whoever reads it.
#pragma once

#include <string_view>

#include "base/time.h"
#include "net/loop.h"
#include "process/console.h"

namespace torchelastic::agent {

/// A terminal that was stopped, or a pager that nobody scrolls, must not stop the heartbeat. What
/// the console does not take is kept, up to a limit; beyond it new text is dropped, and how much
/// is said when there is room again.
class Stderr {
public:
    explicit Stderr(net::Loop& loop) : loop_(loop), console_(loop, 2), guard_(loop) {}

    void write(std::string_view text);

    /// Runs the loop until all is written, or for `limit`. For the end, when nothing else runs.
    void drain(Duration limit);

private:
    void flush();

    net::Loop& loop_;
    process::Console console_;
    net::Timer guard_;
    std::size_t dropped_ = 0;
    bool waiting_ = false;
    bool draining_ = false;
};

}  // namespace torchelastic::agent
