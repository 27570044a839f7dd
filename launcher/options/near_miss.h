// Guessing what a misspelt word was to be. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace torchelastic::options {

/// The known word that is closest to `word`, if it is at most a third of its letters (two at least)
/// away: letters left out, too many, wrong, or swapped with their neighbour.
std::optional<std::string> near_miss(std::string_view word, const std::vector<std::string>& known);

}  // namespace torchelastic::options
