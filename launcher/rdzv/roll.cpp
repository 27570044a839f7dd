// One pass over the ranks.
#include "rdzv/roll.h"

#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "rdzv/exchange.h"

namespace torchelastic::rdzv {

namespace {

std::string surplus(std::size_t ranks, std::size_t nodes) {
    return fmt::format(
        "the launcher started {} ranks on {}: one agent serves a node, the others leave (one for "
        "each node: srun --ntasks-per-node=1, mpirun --map-by ppr:1:node; the number of workers is "
        "--nproc-per-node)",
        ranks, count(nodes, "node"));
}

}  // namespace

Result<Roll> call_roll(const Exchanged& exchanged) {
    Roll roll;
    std::set<std::string> names;
    std::optional<std::size_t> first_surplus;
    for (std::size_t rank = 0; rank < exchanged.cards.size(); ++rank) {
        auto card = decode_card(exchanged.cards[rank]);
        if (!card) return failure(std::move(card).error().because(fmt::format("rank {}", rank)));
        const std::uint32_t local = exchanged.local_ranks[rank];
        const bool first = local == kNoLocalRank ? !names.contains(card->node) : local == 0;
        if (!first) {
            if (!first_surplus) first_surplus = rank;
            continue;
        }
        if (!names.insert(card->node).second) card->node += fmt::format(".{}", rank);
        if (rank == exchanged.rank) roll.own = roll.agents.size();
        roll.agents.push_back(std::move(*card));
    }
    if (roll.agents.empty()) return failure("the launcher names no first rank of any node");
    if (first_surplus == exchanged.rank) {
        roll.surplus = surplus(exchanged.cards.size(), roll.agents.size());
    }
    return roll;
}

}  // namespace torchelastic::rdzv
