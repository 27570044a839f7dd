// Which worker's stdout and stderr go where: --redirects, --tee and --local-ranks-filter. Pure.
#pragma once

#include <optional>
#include <set>
#include <vector>

namespace torchelastic::process {

/// A set of output streams, as torchrun's digit has it: 0 none, 1 stdout, 2 stderr, 3 both.
struct StreamSet {
    bool out = false;
    bool err = false;

    bool operator==(const StreamSet&) const = default;
};

/// One stream of one worker.
struct Route {
    enum class To { console, file, null, pipe };

    To to = To::console;
    bool tee = false;  ///< the file is followed on the console

    bool operator==(const Route&) const = default;
};

struct Routes {
    Route out;
    Route err;

    bool operator==(const Routes&) const = default;
};

/// torchrun's rules: a stream has a file if it is redirected or tee'd; a tee'd one is followed; a
/// rank that the filter does not name shows nothing on the console. Without files (--log-dir
/// /dev/null) redirects and tee mean nothing.
Routes route(int local_rank, StreamSet redirect, StreamSet tee,
             const std::optional<std::set<int>>& filter, bool has_files);

/// Consoles where the lines of several writers would mix.
struct Mixing {
    bool out = false;
    bool err = false;
    bool same = false;  ///< they are one
};

/// Gives those who write to such a console, and are not the only worker to be shown there, a pipe
/// each.
void part(std::vector<Routes>& workers, Mixing mixing);

}  // namespace torchelastic::process
