// Text with macros, as Python's string.Template reads it: the prefix of tee'd lines, and the
// worker's arguments. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace torchelastic::process {

struct Macro {
    std::string_view name;
    std::string value;
};

/// string.Template(text).safe_substitute(macros): $name and ${name} are replaced, $$ is a dollar,
/// everything else, unknown names included, stays as it is.
std::string substitute(std::string_view text, const std::vector<Macro>& macros);

/// What a prefix can speak of.
struct PrefixFacts {
    std::string role_name = "default";
    int local_rank = 0;
    int rank = 0;
    std::string hostname;  ///< short
};

inline constexpr std::string_view kDefaultPrefix = "[${role_name}${local_rank}]:";

/// The prefix of one worker's lines: macros role_name, local_rank, rank, hostname. An empty
/// template means the default.
std::string prefix(std::string_view text, const PrefixFacts& facts);

}  // namespace torchelastic::process
