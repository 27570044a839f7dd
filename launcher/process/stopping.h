// What stop() does next, from what it sees. Pure.
#pragma once

#include <cstddef>

namespace torchelastic::process {

/// What is left of a group that is being stopped.
struct Sight {
    std::size_t workers = 0;  ///< not reaped
    std::size_t members = 0;  ///< others in the workers' process groups
    std::size_t escaped = 0;  ///< descendants elsewhere
    bool grace_over = false;
    bool limit_over = false;  ///< SIGKILL was sent too long ago
};

enum class Move { wait, kill, finish };

/// The grace belongs to the whole process group: the shell that leads it may die of SIGTERM at
/// once, while the training it wraps still writes its checkpoint.
constexpr Move next_move(const Sight& sight) {
    const bool asked = sight.workers + sight.members > 0;
    if (!asked && sight.escaped == 0) return Move::finish;
    if (asked && !sight.grace_over) return Move::wait;
    return sight.limit_over ? Move::finish : Move::kill;
}

}  // namespace torchelastic::process
