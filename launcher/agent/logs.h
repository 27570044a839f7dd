// Where workers' files lie: torchrun's tree.
//
//     <log dir>/<run id>_XXXXXX/attempt_<round>/<local rank>/{stdout.log,stderr.log,error.json}
//
// With several nodes the node's name follows the run id: the log dir may be shared by all.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace torchelastic::agent {

class Logs {
public:
    /// `base`: --log-dir, created if need be; "/dev/null" for no files; nothing for a folder below
    /// $TMPDIR that is removed in the end unless `keep`.
    static Result<Logs> open(const std::optional<std::string>& base, const std::string& run_name,
                             bool keep);
    /// No files.
    static Logs none() { return Logs("", ""); }
    ~Logs();
    Logs(Logs&& other) noexcept;
    Logs& operator=(Logs&&) = delete;

    bool has_files() const { return !root_.empty(); }

    /// Makes the folder of one worker; empty without files.
    Result<std::string> folder(int round, int local_rank) const;

    /// The folder of this run; empty without files.
    const std::string& root() const { return root_; }

private:
    Logs(std::string root, std::string remove)
        : root_(std::move(root)), remove_(std::move(remove)) {}

    std::string root_;
    std::string remove_;  // what to remove in the end, or empty
};

}  // namespace torchelastic::agent
