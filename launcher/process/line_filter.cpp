// Substrings, also across the borders of pieces.
#include "process/line_filter.h"

#include <algorithm>
#include <utility>

namespace torchelastic::process {

LineFilter::LineFilter(std::vector<std::string> needles) : needles_(std::move(needles)) {
    for (const std::string& needle : needles_) {
        longest_ = std::max(longest_, needle.size());
    }
    begin();
}

bool LineFilter::passes(std::string_view line) const {
    return needles_.empty() ||
           std::any_of(needles_.begin(), needles_.end(), [&](const std::string& needle) {
               return line.find(needle) != std::string_view::npos;
           });
}

void LineFilter::begin() {
    tail_.clear();
    passed_ = passes({});
}

void LineFilter::take(std::string_view piece) {
    if (passed_) return;
    passed_ = passes(piece) || passes(tail_ + std::string(piece.substr(0, longest_)));
    tail_ += piece.substr(piece.size() - std::min(piece.size(), longest_));
    tail_.erase(0, tail_.size() - std::min(tail_.size(), longest_));
}

}  // namespace torchelastic::process
