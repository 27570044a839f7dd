// What an agent hands to all others where a launcher passes such things around: who it is, where it
// listens, and what could be the job's secrets. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace torchelastic::rdzv {

struct BusinessCard {
    std::string node;
    std::vector<std::string> addresses;  ///< numeric, the most likely one first
    std::uint16_t port = 0;              ///< where it listens, on all of them
    std::string token;                   ///< random, hexadecimal; rank 0's is the job's
    std::string run;                     ///< random, hexadecimal; rank 0's makes the run id unique

    bool operator==(const BusinessCard&) const = default;
};

/// Lines of "name value" behind a line that tells what this is. A few hundred bytes: a card of
/// every node travels to every node.
std::string encode(const BusinessCard& card);

/// Names that it does not know are passed over: a later release may say more.
Result<BusinessCard> decode_card(std::string_view bytes);

/// The addresses on one agent's card that are on no other: what several nodes call their own, such
/// as the address of a container bridge, leads each of them to itself.
std::vector<std::string> distinct_addresses(const std::vector<BusinessCard>& cards,
                                            std::size_t rank);

}  // namespace torchelastic::rdzv
