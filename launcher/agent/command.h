// What a worker runs. Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/environment.h"
#include "options/parser.h"

namespace torchelastic::agent {

/// torchrun's rule: `python -u [-m] script args`, or the script itself with --no-python. The
/// interpreter is $PYTHON_EXEC, else the python3 first on PATH, which is the active environment's.
/// In the arguments $local_rank and ${local_rank} stand for the local rank, as in torchrun; unlike
/// there, every other dollar stays as it is.
std::vector<std::string> worker_command(const options::Options& options, const Environment& base,
                                        int local_rank);

}  // namespace torchelastic::agent
