// --help and usage, made from the table of options. Pure: text out, nothing printed.
#pragma once

#include <string>
#include <string_view>

#include "options/parser.h"
#include "options/table.h"

namespace torchelastic::options {

/// Everything that --help prints: at most 80 columns, ends with a newline.
std::string help(Command command = Command::run);

/// What goes to stderr before exit code 2: the usage line, then "torchelastic run: error: <text>".
std::string usage_error(std::string_view text, Command command = Command::run);

/// "torchelastic run".
std::string_view name_of(Command command);

/// What stands above the options of this group.
std::string_view heading(Group group);

}  // namespace torchelastic::options
