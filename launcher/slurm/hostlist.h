// Slurm's short form of node names. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace torchelastic::slurm {

/// More nodes than any machine has: a list that names more is an error and costs no memory.
constexpr std::size_t kMaxHosts = 65536;

/// The names behind "r[1-2]n[01-03],x,y[5]-ib[0-1]", in the order in which Slurm counts them: of
/// several brackets in one name the last runs fastest. "[08-11]" keeps its leading zeros. White
/// space, unpaired or empty brackets, descending ranges and empty names are errors; the empty text
/// names no host. Names may repeat: this is a list, not a set.
Result<std::vector<std::string>> expand_hostlist(std::string_view text);

}  // namespace torchelastic::slurm
