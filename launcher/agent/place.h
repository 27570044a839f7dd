// Where this agent stands: alone, as one of the nodes of a Slurm step, or as what another launcher
// will say; how many nodes the job may have, and where static's meet. Pure: options and environment
// come in as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/environment.h"
#include "base/result.h"
#include "options/parser.h"
#include "slurm/allocation.h"

namespace torchelastic::agent {

struct Place {
    options::Backend backend = options::Backend::standalone;  ///< never `choose`
    std::optional<slurm::Allocation> allocation;  ///< nothing: not in a step, or none that counts
    std::string node;                             ///< its name: Slurm's, else the host's
    std::string note;  ///< for people: why the nodes meet as they do, if nobody asked for that
    int min_nodes = 1;
    int max_nodes = 1;
};

/// Says that PMIx failed and the job did not.
constexpr const char* kWithoutPmix =
    "the agents meet by what Slurm says of the step instead (--rdzv-backend=slurm does so at once)";

/// What the options ask for, held against what Slurm's variables say. `host` is the host's name.
/// Under the pmix backend outside Slurm only the meeting tells how many nodes there are: then they
/// have to be counted.
Result<Place> find_place(const options::Options& options, const Environment& environment,
                         const std::string& host);

/// Sets the fewest and the most nodes, given how many there are; an error if that is too few.
Result<void> count_nodes(Place& place, const options::Options& options, std::size_t nodes);

/// Where static's agents meet, the same on all nodes: the eight ports behind --master-port (before
/// it, where there are no eight behind), or eight of --port-range. The workers' store is at
/// --master-port itself, where programs may look for it (init_method).
std::vector<std::uint16_t> static_ports(const options::Options& options);

}  // namespace torchelastic::agent
