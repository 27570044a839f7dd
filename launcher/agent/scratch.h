// The folder for files of a run that nobody asked for, and that it is gone in the end.
#pragma once

#include <optional>
#include <string>

#include "options/parser.h"

namespace torchelastic::agent {

/// Whether the user asked for files of the run.
bool keeps_logs(const options::Options& options);

/// Where temporary files can be: $TMPDIR and the like, else /tmp, else /var/tmp.
std::string temporary_folder();

/// The base of the log folders: --log-dir, else a name below temporary_folder() that nobody else
/// has. Error files live there even if no one asked for logs; then it is removed
/// by its destructor: both the keeper and the agent have one, because either may be killed.
class Scratch {
public:
    explicit Scratch(const options::Options& options);
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    const std::string& path() const { return path_; }

    /// Makes the folder below temporary_folder(), where others write as well, for this user alone,
    /// as Python's mkdtemp does: whatever the umask, nobody else may replace what is in it. Whoever
    /// uses it is told if that failed. Does nothing with --log-dir.
    void make() const;

    /// What goes in the end, or null.
    const char* to_remove() const { return keep_ ? nullptr : path_.c_str(); }

private:
    bool keep_;
    bool temporary_;
    std::string path_;
};

}  // namespace torchelastic::agent
