// The distance of Damerau and Levenshtein, in its form of optimal alignments.
#include "options/near_miss.h"

#include <algorithm>

namespace torchelastic::options {

namespace {

std::size_t distance(std::string_view from, std::string_view to) {
    using Row = std::vector<std::size_t>;
    Row before(to.size() + 1);
    Row last(to.size() + 1);
    Row row(to.size() + 1);
    for (std::size_t j = 0; j <= to.size(); ++j)
        last[j] = j;
    for (std::size_t i = 1; i <= from.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= to.size(); ++j) {
            const std::size_t wrong = from[i - 1] == to[j - 1] ? 0 : 1;
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + wrong});
            const bool swapped =
                i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before.swap(last);
        last.swap(row);
    }
    return last[to.size()];
}

}  // namespace

std::optional<std::string> near_miss(std::string_view word, const std::vector<std::string>& known) {
    constexpr std::size_t kLongest = 64;  // nobody misspells more; keeps hostile input cheap
    if (word.size() > kLongest) return std::nullopt;
    std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
    std::optional<std::string> best;
    for (const std::string& candidate : known) {
        // Of a short word, two letters away is another word.
        const std::size_t away = distance(word, candidate);
        if (away < least && away < candidate.size() / 2 + 1) {
            least = away;
            best = candidate;
        }
    }
    return best;
}

}  // namespace torchelastic::options
