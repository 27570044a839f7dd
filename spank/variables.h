// The environment of a step's tasks, which slurmstepd keeps apart from its own.
#pragma once

#include <string>

#include "spank/slurm.h"

namespace torchelastic::door {

constexpr int kLongestValue = 4096;
constexpr int kLongestList = 1 << 20;

/// The step's variable; empty if it is unset, or longer than `limit`.
std::string step_variable(spank_t spank, const char* name, int limit = kLongestValue);

/// Also forgets the value of an elastic step around this one, where there is none to set.
void hand_on(spank_t spank, const char* name, const std::string& value);

}  // namespace torchelastic::door
