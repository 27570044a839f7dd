// One file of a worker, read as it grows.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "process/line_assembler.h"

namespace torchelastic::process {

/// While a file grows, looking again after a pause is cheaper than being told of each write: for
/// us, and for the worker, whose every write(2) would make the kernel send a message. So inotify
/// only ends the sleep of a file that was found quiet.
class Follower {
public:
    static Result<Follower> open(const std::string& path, LineAssembler lines);

    /// Reads one chunk and shows what it completes. At the end of the file it rests, or, where
    /// nothing was new since wake(), it is put on watch first. False if there is nothing more for
    /// good.
    bool advance(int inotify, std::string& shown);

    /// There may be more to read.
    void wake();
    /// The same, if that is what the event is about; -1: events were lost.
    void on_event(int watch);
    /// Nobody writes the file any more.
    void finish();

    bool dirty() const { return dirty_; }
    bool watched() const { return watch_ >= 0; }
    bool growing() const { return growing_; }
    bool within_line() const { return lines_.within_line(); }
    int file() const { return file_.get(); }

private:
    Follower(Fd file, LineAssembler lines) : file_(std::move(file)), lines_(std::move(lines)) {}

    bool was_emptied(std::string& shown);
    void rest(int inotify);

    Fd file_;
    LineAssembler lines_;
    int watch_ = -1;
    bool growing_ = false;  ///< something was new since wake()
    bool dirty_ = true;
    bool finish_ = false;
};

}  // namespace torchelastic::process
