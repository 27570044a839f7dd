// Removes folders below places where anybody may write, such as /tmp, whatever is moved or linked
// there meanwhile. Starts no process.
#pragma once

#include <string>
#include <string_view>

namespace torchelastic::door {

/// Removes all in the folder `place`, an absolute path, whose name starts with `prefix`; what is
/// more than kDeepest folders below it stays. Follows no link below `place`, and tells of nothing.
void sweep(const std::string& place, std::string_view prefix);

constexpr int kDeepest = 64;

}  // namespace torchelastic::door
