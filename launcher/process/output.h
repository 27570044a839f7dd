// Tee: the workers write to files and never wait for us; we follow the files and show whole lines
// on our own stdout and stderr, and copy those that somebody looks for into a file of their own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/loop.h"

namespace torchelastic::process {

struct OutputHandlers {
    /// What can be shown nowhere else: a console or a file of ours has no room, said once for each.
    std::function<void(const std::string& line)> warn;
    /// The files grow: called within a second, and again at most once a second.
    std::function<void()> growing;
};

/// Follows files on two consoles. The files are the only buffer: a console that is slow delays what
/// is shown and nothing else, one that is closed ends the showing. Lines of different files are
/// neither split nor mixed; bytes that are no text, and carriage returns, pass as they are.
class Output {
public:
    enum class Shown { out, err };

    /// Descriptors of the consoles; they are not closed. Ignores SIGPIPE in this process.
    explicit Output(net::Loop& loop, int out = 1, int err = 2, OutputHandlers handlers = {});
    ~Output();
    Output(Output&&) noexcept;
    Output& operator=(Output&&) noexcept;

    /// From here to finish(), lines of that stream that contain one of the needles are copied into
    /// this file, which is made: `--duplicate-stdout-filters`. They go there whatever becomes of
    /// the console.
    Result<void> duplicate(Shown what, const std::string& path, std::vector<std::string> needles);

    /// Shows the lines of a file, which exists, from its beginning on, each after `prefix`.
    Result<void> follow(const std::string& path, Shown where, const std::string& prefix);

    /// To be called when the writers are dead. Shows all files to their ends, the last line of each
    /// with a newline if it has none, forgets the files, and calls `done` from the loop. A console
    /// that takes nothing for as long as `limit` is given up: then `complete` is false. follow()
    /// may be called again after that.
    void finish(Duration limit, std::function<void(bool complete)> done);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace torchelastic::process
