// Virtual time: what is to happen, in the order in which it will. A step takes no time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/time.h"

namespace torchelastic::sim {

class Clock {
public:
    Instant now() const { return now_; }

    /// Of two things at the same time the one asked for first comes first.
    void at(Instant when, std::function<void()> what) {
        entries_.push_back({std::max(when, now_), next_, std::move(what)});
        next_ += 1;
        std::push_heap(entries_.begin(), entries_.end(), later);
    }
    void in(Duration delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }

    /// Lets the next thing happen; false if there is none.
    bool step() {
        if (entries_.empty()) return false;
        std::pop_heap(entries_.begin(), entries_.end(), later);
        Entry entry = std::move(entries_.back());
        entries_.pop_back();
        now_ = entry.when;
        entry.what();
        return true;
    }

private:
    struct Entry {
        Instant when;
        std::uint64_t number;
        std::function<void()> what;
    };
    static bool later(const Entry& a, const Entry& b) {
        return std::pair(a.when, a.number) > std::pair(b.when, b.number);
    }

    Instant now_{};
    std::uint64_t next_ = 0;
    std::vector<Entry> entries_;
};

}  // namespace torchelastic::sim
