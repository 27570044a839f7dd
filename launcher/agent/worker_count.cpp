// Counting workers.
#include "agent/worker_count.h"

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::agent {

namespace {

using hardware::Visible;

WorkerCount one_each(const char* option, const Visible& visible) {
    return {static_cast<int>(visible.gpus.size()),
            fmt::format("--nproc-per-node={}: {} for {} ({})", option,
                        count(visible.gpus.size(), "worker"), count(visible.gpus.size(), "GPU"),
                        visible.words)};
}

WorkerCount one_per_cpu(const char* option, const hardware::CpuFacts& cpus, const Visible* none) {
    const std::string quota =
        cpus.quota ? fmt::format(", the cgroup's quota {}", *cpus.quota) : std::string();
    return {
        static_cast<int>(cpus.usable()),
        fmt::format("--nproc-per-node={}: {} for as many CPUs (the affinity mask allows {}{}{})",
                    option, count(cpus.usable(), "worker"), cpus.affinity, quota,
                    none != nullptr ? "; no GPU: " + none->words : "")};
}

}  // namespace

Result<WorkerCount> worker_count(const options::WorkersPerNode& asked,
                                 const hardware::Environment& environment,
                                 const CountFacts& facts) {
    using From = options::WorkersPerNode::From;
    if (asked.from == From::number) return WorkerCount{asked.number, ""};
    if (asked.from == From::cpus) return one_per_cpu("cpu", facts.cpus, nullptr);
    const Visible gpus = hardware::visible_gpus(environment, facts.gpus, facts.slurm_gpus);
    const Visible xpus = hardware::visible_xpus(environment, facts.gpus, facts.slurm_gpus);
    if (asked.from == From::xpu) {
        if (!xpus.gpus.empty()) return one_each("xpu", xpus);
        return failure(fmt::format(
            "--nproc-per-node=xpu: no Intel GPU here for this job: {}. Ask Slurm for some "
            "(--gpus, --gpus-per-node), or give a number",
            xpus.words));
    }
    if (asked.from == From::automatic) {
        if (!gpus.gpus.empty()) return one_each("auto", gpus);
        if (!xpus.gpus.empty() && !facts.gpus.intel_integrated) return one_each("auto", xpus);
        return one_per_cpu("auto", facts.cpus, &gpus);
    }
    if (!gpus.gpus.empty()) return one_each("gpu", gpus);
    if (!facts.gpus.intel.empty()) {
        return failure(fmt::format(
            "--nproc-per-node=gpu: no GPU of NVIDIA or AMD here for this job: {}. There are {} of "
            "Intel: --nproc-per-node=xpu counts these",
            gpus.words, facts.gpus.intel.size()));
    }
    return failure(
        fmt::format("--nproc-per-node=gpu: no GPU here for this job: {}. Ask Slurm for "
                    "some (--gpus, --gpus-per-node), or give a number",
                    gpus.words));
}

}  // namespace torchelastic::agent
