// What Slurm tells a task about its step, as one value. Pure: the environment is handed in, and
// nothing of it is believed without a check.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace torchelastic::slurm {

using Environment = std::map<std::string, std::string>;

/// One step of a job, seen from one of its nodes.
struct Allocation {
    std::uint32_t job_id = 0;
    std::uint32_t step_id = 0;
    std::uint32_t restart_count = 0;  ///< how often Slurm has requeued the job
    std::string
        run_id;  ///< "jobid.stepid.restartcount": after a requeue Slurm reuses the first two

    std::vector<std::string> nodes;  ///< of the step; a node's index is Slurm's SLURM_NODEID
    std::size_t index = 0;           ///< this node's
    std::string node;                ///< this node's NodeName: Slurm's word, it need not resolve
    std::vector<std::size_t> tasks;  ///< how many the step has on each of `nodes`

    std::string address;  ///< numeric address of nodes[0]; empty unless the plugin handed it on
    std::string token;    ///< the step's secret; empty unless the plugin handed it on
    std::optional<WallTime> ends;  ///< when Slurm will end the job; from Slurm 23.02 on
};

/// The step that this process is a task of; nothing outside Slurm and in what is not a step of
/// tasks: the batch script, the extern step, salloc's interactive one. A step that is described
/// incompletely or in contradiction is an error. A step over the components of a heterogeneous job
/// is like any other: Slurm numbers its nodes throughout, one component after the other, and names
/// the leader's job id everywhere.
Result<std::optional<Allocation>> read_allocation(const Environment& environment);

/// An error that says what to do unless the step has exactly one task on every node.
Result<void> one_task_per_node(const Allocation& allocation);

/// How many GPUs of this node the job or step was given: SLURM_GPUS_ON_NODE. SLURM_JOB_GPUS,
/// SLURM_GPUS and SLURM_GPUS_PER_NODE are not asked: they describe the job, or the batch script's
/// node.
std::optional<std::size_t> gpus_on_node(const Environment& environment);

}  // namespace torchelastic::slurm
