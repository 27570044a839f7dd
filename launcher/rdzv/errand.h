// A blocking call of somebody else's library, on a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "base/result.h"
#include "net/loop.h"

namespace torchelastic::rdzv {

/// Runs once. Destroying it silences it; nothing can end it: where it still runs then, its thread
/// is let go, and only the end of the process is the end of it.
class Errand {
public:
    using Doing = std::function<void(const char* step)>;

    /// What is to be done with the result.
    using Report = std::function<void()>;

    /// `work` runs on the thread, with all signals blocked; it says through `doing`, which takes
    /// texts that live for ever, what it is at. What it returns is called from the loop.
    static Result<Errand> start(net::Loop& loop, std::function<Report(const Doing& doing)> work);
    ~Errand();
    Errand(Errand&&) noexcept = default;
    Errand& operator=(Errand&&) = delete;

    bool running() const;
    const char* step() const;

private:
    struct Shared;
    Errand(std::shared_ptr<Shared> shared, std::thread thread);

    std::shared_ptr<Shared> shared_;
    std::thread thread_;
};

}  // namespace torchelastic::rdzv
