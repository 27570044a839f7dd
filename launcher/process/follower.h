// One file of a worker, read as it grows.
#pragma once

#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "process/line_assembler.h"
#include "process/sink.h"

namespace torchelastic::process {

/// While a file grows, looking again after a pause is cheaper than being told of each write: for
/// us, and for the worker, whose every write(2) would make the kernel send a message. So inotify
/// only ends the sleep of a file that was found quiet.
class Follower : public Source {
public:
    static Result<std::shared_ptr<Follower>> open(const std::string& path, LineAssembler lines);

    /// What is to watch the file; without it the file is to be looked at now and then.
    void watch_by(int inotify) { inotify_ = inotify; }

    /// Reads one chunk and shows what it completes. At the end of the file it rests, or, where
    /// nothing was new since wake(), it is put on watch first.
    bool advance(std::string& shown) override;

    /// There may be more to read.
    void wake();
    /// The same, if that is what the event is about; -1: events were lost.
    void on_event(int watch);
    void finish() override { dirty_ = finish_ = true; }

    bool dirty() const override { return dirty_; }
    bool watched() const { return watch_ >= 0; }
    bool growing() const { return growing_; }
    bool within_line() const override { return lines_.within_line(); }
    int file() const { return file_.get(); }

private:
    Follower(Fd file, LineAssembler lines) : file_(std::move(file)), lines_(std::move(lines)) {}

    bool was_emptied(std::string& shown);
    void rest();

    Fd file_;
    LineAssembler lines_;
    int inotify_ = -1;
    int watch_ = -1;
    bool growing_ = false;  ///< something was new since wake()
    bool dirty_ = true;
    bool finish_ = false;
};

}  // namespace torchelastic::process
