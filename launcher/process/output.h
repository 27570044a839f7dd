// What workers write, shown in whole lines on our own stdout and stderr. Tee: they write to files
// and never wait for us; we follow the files, and copy the lines that somebody looks for into a
// file of their own. Pipes: several workers write to one console, and wait for it as they would
// without us.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/loop.h"
#include "process/sink.h"
#include "process/streams.h"

namespace torchelastic::process {

struct OutputHandlers {
    /// What can be shown nowhere else: a console or a file of ours has no room, said once for each.
    std::function<void(const std::string& line)> warn;
    /// The files grow: called within a second, and again at most once a second.
    std::function<void()> growing;
};

/// Follows files and pipes on two consoles. The files and pipes are the only buffer: a console that
/// is slow delays what is shown and, with pipes, who writes; one that is closed ends the showing.
/// Lines of different files and pipes are neither split nor mixed; bytes that are no text, and
/// carriage returns, pass as they are. A line of a pipe that is not ended within a second or so is
/// shown without its end.
class Output {
public:
    enum class Shown { out, err };

    /// Ignores SIGPIPE in this process.
    Output(net::Loop& loop, Consoles consoles, OutputHandlers handlers = {});
    ~Output();
    Output(Output&&) noexcept;
    Output& operator=(Output&&) noexcept;

    /// From here to finish(), lines of that stream that contain one of the needles are copied into
    /// this file, which is made: `--duplicate-stdout-filters`. They go there whatever becomes of
    /// the console.
    Result<void> duplicate(Shown what, const std::string& path, std::vector<std::string> needles);

    /// Shows the lines of a file, which exists, from its beginning on, each after `prefix`.
    Result<void> follow(const std::string& path, Shown where, const std::string& prefix);

    /// Where pipes are needed, once several workers are shown there.
    Mixing mixing() const;

    /// A pipe whose lines are shown as they are: the end for a worker to write to, close-on-exec
    /// and ours until hand_over().
    Result<int> pipe(Shown where);

    /// The workers have been started: what they write to is theirs alone.
    void hand_over();

    /// To be called when the writers are dead. Shows all files and pipes to their ends, the last
    /// line of each with a newline if it has none, forgets them, and calls `done` from the
    /// loop. A console that takes nothing for as long as `limit` is given up: then `complete` is
    /// false. But what is in pipes is nowhere else: it is waited for without limit, until hurry().
    /// follow() and pipe() may be called again after that.
    void finish(Duration limit, std::function<void(bool complete)> done);

    /// Until the next pipe() the limit holds for pipes, too.
    void hurry();

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace torchelastic::process
