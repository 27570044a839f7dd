// Chance that follows from a seed alone, on every machine and with every standard library.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace torchelastic::sim {

/// SplitMix64 (Steele, Lea and Flood 2014).
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t mixed = state_;
        mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
        mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
        return mixed ^ (mixed >> 31U);
    }

    /// From `least` to `most`, both possible.
    int number(int least, int most) {
        const auto span = static_cast<std::uint64_t>(most - least) + 1;
        return least + static_cast<int>(next() % span);
    }

    bool chance(int percent) { return number(1, 100) <= percent; }

    Duration time(Duration least, Duration most) {
        const auto span = static_cast<std::uint64_t>((most - least).count()) + 1;
        return least + Duration(static_cast<Duration::rep>(next() % span));
    }

private:
    std::uint64_t state_;
};

}  // namespace torchelastic::sim
