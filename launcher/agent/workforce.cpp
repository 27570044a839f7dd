// Looking, counting, sharing out.
#include "agent/workforce.h"

#include <algorithm>

#include "agent/worker_count.h"
#include "hardware/binding.h"
#include "hardware/look.h"
#include "slurm/allocation.h"

namespace torchelastic::agent {

namespace {

CountFacts look(const options::Options& options, const Environment& environment) {
    using From = options::WorkersPerNode::From;
    const From from = options.nproc_per_node.from;
    CountFacts facts;
    if (from == From::cpus || from == From::automatic) facts.cpus = hardware::look_at_cpus();
    const bool counts_gpus = from != From::cpus && from != From::number;
    if (counts_gpus || options.virtual_local_rank || options.numa_binding) {
        facts.gpus = hardware::look_at_gpus();
    }
    facts.slurm_gpus = slurm::gpus_on_node(environment);
    return facts;
}

/// The devices near which workers are to run.
std::vector<hardware::Gpu> accelerators(const Environment& environment, const CountFacts& facts) {
    auto gpus = hardware::visible_gpus(environment, facts.gpus, facts.slurm_gpus);
    if (!gpus.gpus.empty() || facts.gpus.intel_integrated) return gpus.gpus;
    return hardware::visible_xpus(environment, facts.gpus, facts.slurm_gpus).gpus;
}

Result<std::vector<Cpus>> bind(options::NumaBinding how, int workers,
                               const std::vector<hardware::Gpu>& gpus) {
    auto topology = hardware::load_topology(!gpus.empty());
    if (!topology) return failure(std::move(topology).error().because("--numa-binding"));
    return hardware::bind_workers(topology->get(), how, workers, gpus, hardware::own_cpus());
}

/// CUDA shows a process one MIG instance at most, so that cuda:1 is none.
bool need_devices_of_their_own(const options::Options& options, const Environment& environment,
                               const CountFacts& facts, int workers) {
    if (options.virtual_local_rank || workers == 1) return false;
    const auto gpus = hardware::visible_gpus(environment, facts.gpus, facts.slurm_gpus).gpus;
    return std::any_of(gpus.begin(), gpus.end(),
                       [](const hardware::Gpu& gpu) { return gpu.uuid.starts_with("MIG-"); });
}

}  // namespace

Result<Workforce> muster(const options::Options& options, const Environment& environment) {
    const CountFacts facts = look(options, environment);
    auto counted = worker_count(options.nproc_per_node, environment, facts);
    if (!counted) return failure(std::move(counted).error());
    Workforce force{.workers = counted->workers};
    if (!counted->reason.empty()) force.notes.push_back(std::move(counted->reason));
    if (need_devices_of_their_own(options, environment, facts, force.workers)) {
        force.warning =
            "the visible GPUs are MIG instances, of which CUDA shows a process only the first: "
            "--virtual-local-rank gives each worker one of its own";
    }
    if (options.virtual_local_rank) {
        auto devices = hardware::device_per_worker(environment, facts.gpus, force.workers);
        if (!devices) return failure(std::move(devices).error());
        force.devices = std::move(*devices);
    }
    if (options.numa_binding) {
        auto cpus = bind(*options.numa_binding, force.workers, accelerators(environment, facts));
        if (!cpus) return failure(std::move(cpus).error());
        force.notes.push_back("--numa-binding: " + hardware::words(*cpus));
        force.cpus = std::move(*cpus);
    }
    return force;
}

}  // namespace torchelastic::agent
