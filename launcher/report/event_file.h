// The file that the event log is appended to.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace torchelastic::report {

/// Several agents of one machine may append to one file: each line is one write(2).
class EventFile {
public:
    /// Makes the file, or goes on after what it holds. A pipe must have its reader already.
    static Result<EventFile> open(std::string path);

    /// Appends a line. Never waits for a reader; a line that was written in part is not gone on
    /// with, and the next one begins on a line of its own.
    Result<void> append(std::string_view line);

    const std::string& path() const { return path_; }

private:
    EventFile(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

    std::string path_;
    Fd fd_;
    bool torn_ = false;  ///< the file ends in the middle of a line
};

}  // namespace torchelastic::report
