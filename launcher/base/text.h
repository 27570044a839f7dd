// Small operations on text that the standard library lacks. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace torchelastic {

/// Without leading and trailing white space.
std::string_view trim(std::string_view text);

/// The pieces between separators; "a,,b" has three, "" has one, which is empty.
std::vector<std::string> split(std::string_view text, char separator);

std::string join(const std::vector<std::string>& pieces, std::string_view separator);

/// A whole decimal number with an optional sign and nothing around it; nothing if it does not fit.
std::optional<std::int64_t> parse_int(std::string_view text);

/// "n" + plural: "1 worker", "12 workers".
std::string count(std::size_t n, std::string_view noun);

/// Printable on one line of a terminal: control bytes and invalid UTF-8 escaped as \xNN, cut after
/// `limit` bytes with "...".
std::string printable(std::string_view bytes, std::size_t limit = 4096);

}  // namespace torchelastic
