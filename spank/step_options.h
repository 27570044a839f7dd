// The options that srun, sbatch and salloc learn: --torchelastic and the table's.
#pragma once

#include <string>
#include <string_view>

#include "options/table.h"
#include "spank/slurm.h"

namespace torchelastic::door {

constexpr const char* kSwitch = "torchelastic";

/// To be called in slurm_spank_init of every context: sbatch and salloc know no other way, and
/// slurmstepd accepts only options that are registered there, too.
void register_options(spank_t spank);

/// The option's value in this step; null if it was not given, "" where it has none. Callable from
/// local_user_init, user_init and the hooks of tasks.
const char* given(spank_t spank, const options::Option& option);
const char* given(spank_t spank, std::string_view name);

/// Whether --torchelastic is on.
bool is_elastic(spank_t spank);

}  // namespace torchelastic::door
