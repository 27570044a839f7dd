// The thread, and what it shares with the loop's.
#include "rdzv/errand.h"

#include <atomic>
#include <mutex>
#include <system_error>
#include <utility>

#include "base/deaf.h"

namespace torchelastic::rdzv {

struct Errand::Shared {
    std::atomic<const char*> step = "about to begin";
    std::mutex mutex;
    bool running = true;
    net::Loop* loop = nullptr;  ///< none: nobody waits for the result any more
};

Result<Errand> Errand::start(net::Loop& loop, std::function<Report(const Doing& doing)> work) {
    const auto shared = std::make_shared<Shared>();
    shared->loop = &loop;
    const Deaf deaf;
    try {
        std::thread thread([shared, work = std::move(work)] {
            const auto report = work([shared](const char* step) { shared->step = step; });
            const std::lock_guard lock(shared->mutex);
            shared->running = false;
            if (shared->loop == nullptr) return;
            shared->loop->post([shared, report] {
                if (shared->loop != nullptr) report();
            });
        });
        return Errand(shared, std::move(thread));
    } catch (const std::system_error& error) {
        return failure(Error::from_errno("start a thread", error.code().value()));
    }
}

Errand::Errand(std::shared_ptr<Shared> shared, std::thread thread)
    : shared_(std::move(shared)), thread_(std::move(thread)) {}

Errand::~Errand() {
    if (!shared_) return;
    bool running = false;
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->loop = nullptr;
        running = shared_->running;
    }
    running ? thread_.detach() : thread_.join();
}

bool Errand::running() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->running;
}

const char* Errand::step() const {
    return shared_->step;
}

}  // namespace torchelastic::rdzv
