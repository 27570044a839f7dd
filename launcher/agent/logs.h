// Where workers' files lie: torchrun's tree.
//
//     <log dir>/<run id>_XXXXXX/attempt_<round>/<local rank>/{stdout.log,stderr.log,error.json}
//
// With several nodes the node's name follows the run id: the log dir may be shared by all.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace torchelastic::agent {

class Logs {
public:
    /// `base`: --log-dir or, without one, scratch_folder(); created if need be; "/dev/null" for no
    /// files.
    static Result<Logs> open(const std::string& base, const std::string& run_name);
    /// No files.
    static Logs none() { return Logs(""); }

    bool has_files() const { return !root_.empty(); }

    /// Makes the folder of one worker; empty without files.
    Result<std::string> folder(int round, int local_rank) const;

    /// The folder of this run; empty without files.
    const std::string& root() const { return root_; }

private:
    explicit Logs(std::string root) : root_(std::move(root)) {}

    std::string root_;
};

/// A name below $TMPDIR, or where temporary files can be, that nobody else has; nothing is made.
/// Whoever outlives the agent removes it in the end, if no one asked for what it holds.
std::string scratch_folder();

}  // namespace torchelastic::agent
