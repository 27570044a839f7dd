// Which lines hold what somebody looks for. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace torchelastic::process {

/// Says of a line, whole or piece by piece, whether it contains any of the needles; without
/// needles every line passes, and so it does for an empty needle.
class LineFilter {
public:
    LineFilter() = default;
    explicit LineFilter(std::vector<std::string> needles);

    /// Of a whole line.
    bool passes(std::string_view line) const;

    /// A line of which nothing was seen begins.
    void begin();
    /// Its next bytes.
    void take(std::string_view piece);
    /// Of what was taken of it.
    bool passed() const { return passed_; }

private:
    std::vector<std::string> needles_;
    std::size_t longest_ = 0;
    std::string tail_;  ///< the end of what was taken, in which a needle may have begun
    bool passed_ = true;
};

}  // namespace torchelastic::process
