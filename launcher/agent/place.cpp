// Reading the place off options and environment.
#include "agent/place.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "rdzv/pmix.h"
#include "slurm/ports.h"

namespace torchelastic::agent {

namespace {

using options::Backend;

constexpr std::uint16_t kStaticPort = 29500;  // torchrun's
constexpr std::uint16_t kStaticPorts = 8;
constexpr int kLastPort = 65535;

constexpr const char* kByPmix =
    "the agents met through PMIx, which their launcher offers (--rdzv-backend=pmix asks for it, "
    "and is met without this line)";

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
        "--rdzv-backend=c10d, etcd, static and --standalone (or their PET_ variables) without an "
        "endpoint are for one node, and this step has {}: leave them out, the nodes meet by "
        "themselves",
        allocation.nodes.size()));
}

Result<Place> place_in_step(slurm::Allocation allocation, Backend backend,
                            const Environment& environment) {
    // Under PMIx all tasks have to come, and those that are too many leave.
    if (auto one = slurm::one_task_per_node(allocation); !one && backend != Backend::pmix) {
        return failure(std::move(one).error());
    }
    if (allocation.token.empty()) allocation.token = value_of(environment, "TORCHELASTIC_TOKEN");
    Place place;
    place.node = allocation.node;
    place.allocation = std::move(allocation);
    place.backend = backend == Backend::pmix ? Backend::pmix : Backend::slurm;
    return place;
}

Result<std::optional<slurm::Allocation>> find_step(Backend backend,
                                                   const Environment& environment) {
    if (backend == Backend::pmix) return rdzv::pmix_step(environment);
    auto step = slurm::read_allocation(environment);
    if (step && !*step && backend == Backend::slurm) {
        return failure("--rdzv-backend=slurm: this is no task of a Slurm step: start it with srun");
    }
    return step;
}

/// --rdzv-backend=pmix in a step that has no PMIx, but can do without.
std::optional<Place> place_without_pmix(const Error& why, const Environment& environment) {
    const auto step = slurm::read_allocation(environment);
    if (!step || !*step) return std::nullopt;
    auto place = place_in_step(**step, Backend::slurm, environment);
    if (!place || place->allocation->token.empty()) return std::nullopt;
    place->note = why.text() + "; " + kWithoutPmix;
    return *std::move(place);
}

}  // namespace

Result<Place> find_place(const options::Options& options, const Environment& environment,
                         const std::string& host) {
    const bool by_pmix =
        options.rdzv_backend == Backend::choose && rdzv::meets_by_pmix(environment);
    Place place;
    place.node = host;
    place.backend = by_pmix ? Backend::pmix : options.rdzv_backend;
    if (by_pmix) place.note = kByPmix;
    auto step = find_step(place.backend, environment);
    const bool by_endpoint = place.backend == Backend::c10d || place.backend == Backend::etcd ||
                             place.backend == Backend::fixed;
    if (place.backend == Backend::standalone || by_endpoint) {
        const bool given = options.rdzv_endpoint || options.master_addr;
        if (step && *step && !(by_endpoint && given)) {
            if (auto fine = refuse_islands(**step, environment); !fine) {
                return failure(std::move(fine).error());
            }
        }
    } else if (!step) {
        auto without = place.backend == Backend::pmix
                           ? place_without_pmix(step.error(), environment)
                           : std::nullopt;
        if (!without) return failure(std::move(step).error());
        place = std::move(*without);
    } else if (*step) {
        auto in_step = place_in_step(std::move(**step), place.backend, environment);
        if (!in_step) return in_step;
        in_step->note = std::move(place.note);
        place = std::move(*in_step);
    } else if (place.backend == Backend::pmix) {
        return place;
    } else {
        place.backend = Backend::standalone;
    }
    if (by_endpoint) {
        const options::NodeRange nodes = options.nnodes.value_or(options::NodeRange{});
        place.min_nodes = nodes.min;
        place.max_nodes = nodes.max;
        return place;
    }
    const std::size_t nodes = place.allocation ? place.allocation->nodes.size() : 1;
    if (auto fine = count_nodes(place, options, nodes); !fine) return failure(fine.error());
    return place;
}

Result<void> count_nodes(Place& place, const options::Options& options, std::size_t nodes) {
    const int there = static_cast<int>(nodes);
    const options::NodeRange range = options.nnodes.value_or(options::NodeRange{there, there});
    place.min_nodes = range.min;
    place.max_nodes = std::min(range.max, there);
    if (range.min <= there) return {};
    if (place.allocation || place.backend == Backend::pmix) {
        return failure(fmt::format("--nnodes={}: the {} has {}", range.min,
                                   place.allocation ? "Slurm step" : "PMIx launcher's job",
                                   count(nodes, "node")));
    }
    return failure(fmt::format(
        "--nnodes={0}: where do the nodes meet? Start it with srun --torchelastic -N{0}, "
        "or say --rdzv-backend=c10d --rdzv-endpoint=HOST:PORT on each of them",
        range.min));
}

std::vector<std::uint16_t> static_ports(const options::Options& options) {
    const std::uint16_t port = options.master_port.value_or(kStaticPort);
    if (const auto& range = options.rdzv_conf.port_range) {
        auto ports =
            slurm::port_sequence(options.rdzv_id, kStaticPorts, {range->first, range->second});
        if (options.master_port) std::erase(ports, port);
        return ports;
    }
    const bool behind = port + kStaticPorts <= kLastPort;
    std::vector<std::uint16_t> ports;
    for (std::uint16_t i = 1; i <= kStaticPorts; ++i)
        ports.push_back(static_cast<std::uint16_t>(behind ? port + i : port - i));
    return ports;
}

}  // namespace torchelastic::agent
