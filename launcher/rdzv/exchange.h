// What the agent and a loadable module say to each other: plain functions and plain data, so that
// the module shares no library of ours with the program that loads it. Includes nothing of ours.
#pragma once

#include <cstddef>
#include <cstdint>

namespace torchelastic::rdzv {

/// Goes up with every change of this file.
constexpr std::uint32_t kExchangeVersion = 2;

/// In place of a rank's number on its node, where the launcher does not tell it.
constexpr std::uint32_t kNoLocalRank = 0xFFFF'FFFF;

/// How a module answers. It calls these from the thread that called exchange(), before that
/// returns; what a pointer points to is valid during the call only, but for `step`.
struct ExchangeAnswer {
    void* context;
    /// What is being tried, for whoever gets tired of waiting: a text that lives for ever.
    void (*doing)(void* context, const char* step);
    /// Once: this process's place, how many take part, and the launcher's name for all of them.
    void (*joined)(void* context, std::uint32_t rank, std::uint32_t size, const char* name);
    /// Once for each rank whose card is wanted, this process's own included. `local_rank` counts
    /// the ranks on one node.
    void (*card)(void* context, std::uint32_t rank, std::uint32_t local_rank, const char* bytes,
                 std::size_t size);
    /// Once, instead of what has not been answered yet: one line for people.
    void (*failed)(void* context, const char* why);
};

/// What a module offers.
struct ExchangeModule {
    std::uint32_t version;  ///< kExchangeVersion of the module's build

    /// Hands out this process's business card and collects those of all processes that its launcher
    /// started with it, or of the first `wanted` ranks if that is not 0. Blocks until all of them,
    /// or those that are wanted, have called it, for ever if one never does. To be called once in
    /// the life of a process: not every launcher lets one come back.
    void (*exchange)(const char* card, std::size_t size, std::uint32_t wanted,
                     const ExchangeAnswer* answer);
};

}  // namespace torchelastic::rdzv

/// The one symbol that a module has. Never null.
extern "C" const torchelastic::rdzv::ExchangeModule* torchelastic_exchange_module();
