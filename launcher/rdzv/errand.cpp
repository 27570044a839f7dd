// The thread, and what it shares with the loop's.
#include "rdzv/errand.h"

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <system_error>
#include <utility>

namespace torchelastic::rdzv {

struct Errand::Shared {
    std::atomic<const char*> step = "about to begin";
    std::mutex mutex;
    bool running = true;
    net::Loop* loop = nullptr;  ///< none: nobody waits for the result any more
    std::function<void(const Result<Exchanged>&)> done;
};

namespace {

/// Blocks all signals for the calling thread, and so for threads that it starts meanwhile: none of
/// theirs may take a signal that is meant for the loop.
class Deaf {
public:
    Deaf() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~Deaf() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    Deaf(const Deaf&) = delete;
    Deaf& operator=(const Deaf&) = delete;

private:
    sigset_t before_{};
};

}  // namespace

Result<Errand> Errand::start(net::Loop& loop,
                             std::function<Result<Exchanged>(const Doing& doing)> work,
                             std::function<void(const Result<Exchanged>&)> done) {
    const auto shared = std::make_shared<Shared>();
    shared->loop = &loop;
    shared->done = std::move(done);
    const Deaf deaf;
    try {
        std::thread thread([shared, work = std::move(work)] {
            const auto result = work([shared](const char* step) { shared->step = step; });
            const std::lock_guard lock(shared->mutex);
            shared->running = false;
            if (shared->loop == nullptr) return;
            shared->loop->post([shared, result] {
                if (shared->loop != nullptr) shared->done(result);
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
