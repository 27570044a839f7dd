// Sets of CPUs as plain values, written as the kernel writes them. Pure.
#pragma once

#include <string>
#include <vector>

namespace torchelastic {

/// CPU numbers of the kernel, ascending, each once.
using Cpus = std::vector<int>;

/// "0-3,8"; "" for none.
std::string cpu_list(const Cpus& cpus);

}  // namespace torchelastic
