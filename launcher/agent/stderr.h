// Our own words on stderr, without ever waiting for whoever reads it, and the end of all output.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "net/loop.h"
#include "process/sink.h"

namespace torchelastic::agent {

/// A terminal that was stopped, or a pager that nobody scrolls, must not stop the heartbeat: what
/// the console does not take is kept.
class Stderr {
public:
    Stderr(net::Loop& loop, process::Consoles consoles)
        : loop_(loop), consoles_(std::move(consoles)), guard_(loop), look_(loop) {}

    void write(std::string_view text) { consoles_.err->say(text); }

    /// Runs the loop until all is written. For the end, when nothing else runs.
    void drain();

    /// Runs the loop until all that was written to our consoles has been read from them.
    void await_readers();

    /// The end does not wait longer than this for a console that takes nothing.
    void hurry(Duration limit);

private:
    void arm();

    net::Loop& loop_;
    process::Consoles consoles_;
    net::Timer guard_;
    net::Timer look_;
    std::optional<Duration> limit_;
    bool draining_ = false;
    bool over_ = false;
};

}  // namespace torchelastic::agent
