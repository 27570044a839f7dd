// The end of what a worker wrote. Reading is pure but for read_last_lines.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace torchelastic::agent {

inline constexpr std::size_t kLastLines = 20;
inline constexpr std::size_t kLastBytes = 4096;

/// The last lines of a text, without empty ones at the end, as a terminal would show them: of a
/// line that was written over and over, as progress bars are, the last version; tabs as blanks.
/// `cut`: the text begins in the middle of something, and its first line is left out if there are
/// others.
std::string last_lines(std::string_view text, bool cut);

/// Of a regular file, reading no more than its last kLastBytes; empty if it cannot be read.
std::string read_last_lines(const std::string& path);

}  // namespace torchelastic::agent
