// --help and usage, made from the table of options. Pure: text out, nothing printed.
#pragma once

#include <string>
#include <string_view>

namespace torchelastic::options {

/// Everything that --help prints: at most 80 columns, ends with a newline.
std::string help();

/// What goes to stderr before exit code 2: the usage line, then "torchelastic run: error: <text>".
std::string usage_error(std::string_view text);

}  // namespace torchelastic::options
