// Whether a job lives on when one of its nodes fails: --nnodes wants it, Slurm does it by
// --no-kill. Nothing in a job tells whether it was submitted with that. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace torchelastic::door {

/// Whether fewer than `nodes` are enough for --nnodes=`nnodes` ("2:4", "3"). Where the number is
/// not known yet, 0, only a range tells.
bool can_lose_nodes(std::string_view nnodes, std::uint32_t nodes);

/// Whether an #SBATCH line of a batch script has --no-kill or -k.
bool says_no_kill(std::string_view script);

}  // namespace torchelastic::door
