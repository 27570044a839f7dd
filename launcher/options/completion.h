// Scripts by which a shell completes our options and their values, made from the table. Pure: text
// out, nothing printed.
#pragma once

#include <string>

#include "options/parser.h"

namespace torchelastic::options {

/// For the program of this command: `torchelastic` with its commands, or `torchrun`. To be sourced,
/// or for zsh put into a folder of $fpath as well. Other words than options, and what follows the
/// script, are completed to names of files.
std::string completion(Shell shell, Command command);

}  // namespace torchelastic::options
