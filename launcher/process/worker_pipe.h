// A worker's stdout or stderr where several workers share a console: a pipe of its own, which
// stands for the one that the worker would else have written to itself.
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "process/line_gate.h"
#include "process/sink.h"

namespace torchelastic::process {

/// It is read only when the console takes what was read before. So a worker waits here when, and
/// for as long as, it would have waited for the console.
class WorkerPipe : public Source {
public:
    struct Ends {
        std::shared_ptr<WorkerPipe> ours;
        Fd workers;  ///< close-on-exec; a worker's write(2) to it waits
    };

    /// `epoll` becomes readable when a pipe is: then each event's data.ptr is to be told.
    static Result<Ends> open(int epoll);
    ~WorkerPipe() override;

    /// There is something to read.
    void wake() { dirty_ = true; }

    /// Time has passed: see LineGate::age(). To be called while ages().
    void age();
    bool ages() const { return gate_.ages(); }

    bool dirty() const override { return dirty_; }
    bool advance(std::string& shown) override;
    bool within_line() const override { return gate_.within_line(); }
    void finish() override { dirty_ = finish_ = true; }

private:
    WorkerPipe(Fd pipe, int epoll) : pipe_(std::move(pipe)), epoll_(epoll) {}
    void rest();

    Fd pipe_;
    int epoll_;
    LineGate gate_;
    bool dirty_ = false;
    bool aging_ = false;
    bool finish_ = false;
};

}  // namespace torchelastic::process
