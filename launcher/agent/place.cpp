// Reading the place off options and environment.
#include "agent/place.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::agent {

namespace {

using options::Backend;

std::string value_of(const Environment& environment, const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? "" : found->second;
}

/// Several nodes that each run a job of their own are what nobody means who wrote srun
/// --torchelastic; whoever types `srun torchelastic run --standalone` may mean it.
Result<void> refuse_islands(const slurm::Allocation& allocation, const Environment& environment) {
    if (allocation.nodes.size() == 1 || !environment.contains("TORCHELASTIC_STEP_SCRIPT"))
        return {};
    return failure(fmt::format(
        "--rdzv-backend=c10d, static and --standalone (or their PET_ variables) are for one node, "
        "and this step has {}: leave them out, the nodes meet by themselves",
        allocation.nodes.size()));
}

Result<Place> place_in_step(slurm::Allocation allocation, const Environment& environment) {
    if (auto one = slurm::one_task_per_node(allocation); !one) {
        return failure(std::move(one).error());
    }
    if (allocation.token.empty()) allocation.token = value_of(environment, "TORCHELASTIC_TOKEN");
    Place place;
    place.node = allocation.node;
    place.allocation = std::move(allocation);
    return place;
}

Result<void> count_nodes(Place& place, const std::optional<options::NodeRange>& asked) {
    const int nodes = place.allocation ? static_cast<int>(place.allocation->nodes.size()) : 1;
    const options::NodeRange range = asked.value_or(options::NodeRange{nodes, nodes});
    place.min_nodes = range.min;
    place.max_nodes = std::min(range.max, nodes);
    if (range.min <= nodes) return {};
    if (place.allocation) {
        return failure(fmt::format("--nnodes={}: the Slurm step has {}", range.min,
                                   count(static_cast<std::size_t>(nodes), "node")));
    }
    return failure(
        fmt::format("--nnodes={0}: only a Slurm step has several nodes: start it with srun "
                    "--torchelastic -N{0}",
                    range.min));
}

}  // namespace

Result<Place> find_place(const options::Options& options, const Environment& environment,
                         const std::string& host) {
    auto allocation = slurm::read_allocation(environment);
    Place place;
    place.node = host;
    if (options.rdzv_backend == Backend::standalone) {
        if (allocation && *allocation) {
            if (auto fine = refuse_islands(**allocation, environment); !fine) {
                return failure(std::move(fine).error());
            }
        }
    } else if (!allocation) {
        return failure(std::move(allocation).error());
    } else if (*allocation) {
        auto in_step = place_in_step(std::move(**allocation), environment);
        if (!in_step) return in_step;
        place = std::move(*in_step);
    } else if (options.rdzv_backend == Backend::slurm) {
        return failure("--rdzv-backend=slurm: this is no task of a Slurm step: start it with srun");
    }
    if (auto fine = count_nodes(place, options.nnodes); !fine) return failure(fine.error());
    return place;
}

}  // namespace torchelastic::agent
