// Where this agent stands: alone, or as one of the nodes of a Slurm step; and how many nodes the
// job may have. Pure: options and environment come in as values.
#pragma once

#include <optional>
#include <string>

#include "agent/environment.h"
#include "base/result.h"
#include "options/parser.h"
#include "slurm/allocation.h"

namespace torchelastic::agent {

struct Place {
    std::optional<slurm::Allocation> allocation;  ///< nothing: this node is all there is
    std::string node;                             ///< its name: Slurm's, else the host's
    int min_nodes = 1;
    int max_nodes = 1;
};

/// What the options ask for, held against what Slurm's variables say. `host` is the host's name.
Result<Place> find_place(const options::Options& options, const Environment& environment,
                         const std::string& host);

}  // namespace torchelastic::agent
