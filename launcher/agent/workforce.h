// This node's workers by its hardware: how many, which device each sees, on which CPUs each runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/environment.h"
#include "base/cpus.h"
#include "base/result.h"
#include "hardware/visible.h"
#include "options/parser.h"

namespace torchelastic::agent {

struct Workforce {
    int workers = 1;
    std::optional<hardware::DevicePerWorker> devices;  ///< with --virtual-local-rank
    std::vector<Cpus> cpus;          ///< by local rank, with --numa-binding; else empty
    std::vector<std::string> notes;  ///< what was decided and why: lines for the log
    std::optional<std::string> warning;
};

/// Looks at what the options make necessary, at nothing where they only name a number, and decides.
Result<Workforce> muster(const options::Options& options, const Environment& environment);

}  // namespace torchelastic::agent
