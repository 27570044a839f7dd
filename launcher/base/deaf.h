// Keeping signals from threads.
#pragma once

#include <pthread.h>

#include <csignal>

namespace torchelastic {

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

}  // namespace torchelastic
