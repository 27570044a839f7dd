// The module's answers, made into one value.
#include "rdzv/module.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/module.h"
#include "base/text.h"
#include "rdzv/exchange.h"

namespace torchelastic::rdzv {

namespace {

constexpr const char* kEntry = "torchelastic_exchange_module";

/// Whoever claims more is broken: the largest machines have a tenth of that.
constexpr std::uint32_t kMostRanks = 1U << 20;

/// What a module has answered so far; believes nothing.
struct Answers {
    Answers(std::uint32_t most, const std::function<void(const char*)>& on_step)
        : wanted(most), doing(on_step) {}

    void join(std::uint32_t rank, std::uint32_t size, const char* name) {
        if (size == 0 || size > kMostRanks || rank >= size) {
            return fail(fmt::format("rank {} of {} makes no sense", rank, size));
        }
        exchanged.rank = rank;
        exchanged.name = name;
        exchanged.size = size;
        const std::uint32_t cards = wanted == 0 ? size : std::min(wanted, size);
        exchanged.cards.resize(cards);
        exchanged.local_ranks.resize(cards, kNoLocalRank);
        given.resize(cards);
    }
    void take(std::uint32_t rank, std::uint32_t local_rank, std::string_view card) {
        if (rank >= exchanged.cards.size()) {
            return fail(fmt::format("a card of rank {}, where only {} were to come", rank,
                                    exchanged.cards.size()));
        }
        exchanged.cards[rank] = card;
        exchanged.local_ranks[rank] = local_rank;
        given[rank] = true;
    }
    void fail(std::string why) {
        if (trouble.empty()) trouble = std::move(why);
    }
    Result<Exchanged> result() && {
        if (given.empty()) fail("the module has said nothing");
        for (std::size_t rank = 0; rank < given.size(); ++rank) {
            if (!given[rank]) fail(fmt::format("rank {} has left no card", rank));
        }
        if (!trouble.empty()) return failure(printable(trouble));
        return std::move(exchanged);
    }

    const std::uint32_t wanted;
    const std::function<void(const char*)>& doing;
    Exchanged exchanged;
    std::vector<bool> given;
    std::string trouble;
};

Answers& answers(void* context) {
    return *static_cast<Answers*>(context);
}

}  // namespace

Result<Exchanged> exchange_by_module(const std::string& file,
                                     const std::vector<std::string>& folders,
                                     const std::string& card, std::uint32_t wanted,
                                     const std::function<void(const char* step)>& doing) {
    doing("loading the module");
    const auto path = find_module(file, folders, "it is built where libpmix's headers are");
    if (!path) return failure(path.error());
    const auto module = load_module<ExchangeModule>(*path, kEntry, kExchangeVersion);
    if (!module) return failure(module.error());
    Answers collected(wanted, doing);
    const ExchangeAnswer answer = {
        .context = &collected,
        .doing = [](void* context, const char* step) { answers(context).doing(step); },
        .joined = [](void* context, std::uint32_t rank, std::uint32_t size,
                     const char* name) { answers(context).join(rank, size, name); },
        .card =
            [](void* context, std::uint32_t rank, std::uint32_t local_rank, const char* bytes,
               std::size_t size) {
                answers(context).take(rank, local_rank, {bytes, size});
            },
        .failed = [](void* context, const char* why) { answers(context).fail(why); },
    };
    (*module)->exchange(card.data(), card.size(), wanted, &answer);
    return std::move(collected).result();
}

}  // namespace torchelastic::rdzv
