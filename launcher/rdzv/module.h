// Loading a rendezvous module: a library that few sites lack, but that must cost nothing where it
// is not asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace torchelastic::rdzv {

/// What an exchange of business cards came to.
struct Exchanged {
    std::uint32_t rank = 0;          ///< this process's, by which `cards` are in order
    std::uint32_t size = 0;          ///< how many ranks there are
    std::string name;                ///< the launcher's, for all processes together
    std::vector<std::string> cards;  ///< one of every rank, or of those that were wanted
    /// Beside each card the rank's number on its node; kNoLocalRank where it is not told.
    std::vector<std::uint32_t> local_ranks;
};

/// Loads a module from the first of `folders` that has it and lets it exchange `card` for those of
/// the first `wanted` ranks, 0 for all; blocks as
/// ExchangeModule says. `doing` hears what is being tried, from this thread, as a text that lives
/// for ever. The module stays loaded until the process ends: what it brought along may have left
/// threads and handlers behind.
Result<Exchanged> exchange_by_module(const std::string& file,
                                     const std::vector<std::string>& folders,
                                     const std::string& card, std::uint32_t wanted,
                                     const std::function<void(const char* step)>& doing);

}  // namespace torchelastic::rdzv
