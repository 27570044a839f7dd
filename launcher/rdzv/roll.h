// Who of a launcher's ranks serves a node: one agent does, and whatever else the launcher started
// there has nothing to do. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "rdzv/business_card.h"
#include "rdzv/module.h"

namespace torchelastic::rdzv {

struct Roll {
    /// The first rank of every node, in the order of ranks. Their names differ: of nodes that call
    /// themselves the same, all but the first have their rank behind the name.
    std::vector<BusinessCard> agents;
    /// This process's place among them; nothing if another rank serves its node.
    std::optional<std::size_t> own;
    /// Told to one of the ranks that serve no node, for all of them: what they are for.
    std::string surplus;
};

/// By what the launcher says of each rank's number on its node; where it does not, ranks that name
/// the same node share it.
Result<Roll> call_roll(const Exchanged& exchanged);

}  // namespace torchelastic::rdzv
