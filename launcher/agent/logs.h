// Where workers' files lie: torchrun's tree.
//
//     <log dir>/<run id>_XXXXXX/attempt_<round>/<local rank>/{stdout.log,stderr.log,error.json}
//                                              /filtered_{stdout,stderr}.log
//
// With several nodes the node's name follows the run id: the log dir may be shared by all.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace torchelastic::agent {

class Logs {
public:
    /// `base`: Scratch::path(); created if need be; "/dev/null" for no
    /// files.
    static Result<Logs> open(const std::string& base, const std::string& run_name);
    /// No files.
    static Logs none() { return Logs(""); }

    bool has_files() const { return !root_.empty(); }

    /// Makes the folders of a round and of its workers, and those above them again if somebody has
    /// removed them, as cleaners of /tmp do after some days; nothing without files.
    Result<void> make_folders(int round, int workers) const;

    /// Takes the folder of a round away again, with all that is in it.
    void forget(int round) const;

    /// The folder of this run, of a round, of a worker; empty without files.
    const std::string& root() const { return root_; }
    std::string folder(int round) const;
    std::string folder(int round, int local_rank) const;

    /// Fails where the file system has no room, which it says of itself: cheap, and silent about
    /// quotas.
    Result<void> room() const;

    /// Writes a little beside the workers' files and takes it away again: fails as their writes do.
    Result<void> try_writing() const;

private:
    Result<void> restore() const;
    explicit Logs(std::string root) : root_(std::move(root)) {}

    std::string root_;
};

}  // namespace torchelastic::agent
