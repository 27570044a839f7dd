// torchrun's grammars for streams, and its rules of who is shown where.
#include "process/streams.h"

#include <cstdint>
#include <limits>

#include "base/text.h"

namespace torchelastic::process {

namespace {

constexpr std::string_view kGrammar =
    "expected 0 (none), 1 (stdout), 2 (stderr), 3 (both), or a map such as 0:3,1:1";

std::optional<StreamSet> parse_digit(std::string_view text) {
    if (text.size() != 1 || text[0] < '0' || text[0] > '3') return std::nullopt;
    const int mask = text[0] - '0';
    return StreamSet{(mask & 1) != 0, (mask & 2) != 0};
}

std::optional<int> parse_rank(std::string_view text) {
    const auto rank = parse_int(text);
    if (!rank || *rank < 0 || *rank > std::numeric_limits<int>::max()) return std::nullopt;
    return static_cast<int>(*rank);
}

Route one_route(bool redirect, bool tee, bool shown) {
    if (tee) return {Route::To::file, shown};
    if (redirect) return {Route::To::file, false};
    return {shown ? Route::To::console : Route::To::null, false};
}

}  // namespace

Result<std::vector<StreamSet>> parse_std_map(std::string_view text, int n) {
    const auto size = static_cast<std::size_t>(n);
    if (const auto all = parse_digit(text)) return std::vector<StreamSet>(size, *all);
    std::vector<StreamSet> sets(size);
    for (const std::string& entry : split(text, ',')) {
        const std::string_view view = entry;
        const auto colon = view.find(':');
        const auto rank = parse_rank(view.substr(0, colon));
        const auto set =
            colon == std::string_view::npos ? std::nullopt : parse_digit(view.substr(colon + 1));
        if (!rank || !set) {
            return failure("streams \"" + printable(text, 200) + "\": " + std::string(kGrammar));
        }
        if (*rank < n) sets[static_cast<std::size_t>(*rank)] = *set;
    }
    return sets;
}

Result<std::optional<std::set<int>>> parse_ranks_filter(std::string_view text) {
    if (trim(text).empty()) return std::optional<std::set<int>>();
    std::set<int> ranks;
    for (const std::string& entry : split(text, ',')) {
        const auto rank = parse_rank(trim(entry));
        if (!rank) {
            return failure("local ranks \"" + printable(text, 200) +
                           "\": expected a comma-separated list such as 0,1,2");
        }
        ranks.insert(*rank);
    }
    return std::optional(std::move(ranks));
}

Routes route(int local_rank, StreamSet redirect, StreamSet tee,
             const std::optional<std::set<int>>& filter, bool has_files) {
    const bool shown = !filter || filter->contains(local_rank);
    if (!has_files) redirect = tee = {};
    return {one_route(redirect.out, tee.out, shown), one_route(redirect.err, tee.err, shown)};
}

}  // namespace torchelastic::process
