// A loop for tests of what waits.
#pragma once

#include <chrono>

#include <gtest/gtest.h>

#include "net/loop.h"

namespace torchelastic {

/// A loop that a test cannot hang in.
struct Guarded {
    Guarded() {
        guard.arm(std::chrono::seconds(20), [this] {
            ADD_FAILURE() << "timed out";
            loop.stop();
        });
    }
    net::Loop loop;
    net::Timer guard{loop};
};

}  // namespace torchelastic
