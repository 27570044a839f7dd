// Waiting for the consoles to take the last words.
#include "agent/stderr.h"

#include <algorithm>

namespace torchelastic::agent {

namespace {

constexpr Duration kFirstPause = std::chrono::microseconds(250);
constexpr Duration kLongestPause = std::chrono::milliseconds(50);

}  // namespace

void Stderr::drain() {
    if (!consoles_.err->unsaid()) return;
    draining_ = true;
    consoles_.err->attend({.rested = [this] { loop_.stop(); }, .full = nullptr});
    if (limit_) arm();
    loop_.run();
}

void Stderr::await_readers() {
    const auto read = [this] {
        return consoles_.out->console().is_read() && consoles_.err->console().is_read();
    };
    draining_ = true;
    if (limit_ && !read()) arm();
    for (Duration pause = kFirstPause; !over_ && !read();) {
        look_.arm(pause, [this] { loop_.stop(); });
        loop_.run();
        pause = std::min(pause * 2, kLongestPause);
    }
}

void Stderr::hurry(Duration limit) {
    limit_ = limit;
    if (draining_) arm();
}

void Stderr::arm() {
    guard_.arm(*limit_, [this] {
        over_ = true;
        loop_.stop();
    });
}

}  // namespace torchelastic::agent
