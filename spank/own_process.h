// What the kernel tells of the command this plugin is loaded into.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "spank/command_line.h"

namespace torchelastic::door {

/// The first `most` bytes of a file; empty if it cannot be read.
std::string read_file(const char* path, std::size_t most = std::size_t{1} << 20);

CommandLine own_command_line();

/// Whether the command was started with a variable of this name, whatever Slurm has set since.
bool was_started_with(std::string_view name);

}  // namespace torchelastic::door
