// Writing to stderr as it has room.
#include "agent/stderr.h"

#include <utility>

#include <fmt/format.h>

namespace torchelastic::agent {

namespace {

constexpr std::size_t kKept = 1UL << 20;

}  // namespace

void Stderr::write(std::string_view text) {
    if (console_.pending().size() + text.size() > kKept) {
        dropped_ += text.size();
        return;
    }
    console_.pending() += text;
    flush();
}

void Stderr::flush() {
    if (waiting_) return;
    waiting_ = !console_.flush([this] {
        waiting_ = false;
        flush();
    });
    if (waiting_) return;
    if (dropped_ > 0) {
        const auto bytes = std::exchange(dropped_, 0);
        write(fmt::format("torchelastic: {} bytes of messages found no reader\n", bytes));
    }
    if (draining_) loop_.stop();
}

void Stderr::drain(Duration limit) {
    if (!waiting_) return;
    draining_ = true;
    guard_.arm(limit, [this] { loop_.stop(); });
    loop_.run();
}

}  // namespace torchelastic::agent
