// What a user asks of srun: values of our options.
// Pure: knows nothing of Slurm's processes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "options/table.h"

namespace torchelastic::door {

/// Whether `value` is one of `choices`, which stand with commas between.
bool is_one_of(std::string_view value, std::string_view choices);

/// Slurm writes an option without a value as null, "" or "(null)", depending on its way.
bool is_bare(const char* value);

/// --torchelastic[=on|off]: a bare one is on; nothing for any other word.
std::optional<bool> read_switch(const char* value);

/// Why `option`, which is in the table, cannot have this value, in words; empty if it can. Beside
/// what Slurm cannot carry, by the agent's own rules: it would say so once per node.
std::string complaint(const options::Option& option, const char* value);

/// "nproc-per-node" is PET_NPROC_PER_NODE.
std::string pet_name(const options::Option& option);

/// Under this name srun carries an option of ours to slurmstepd, and behind "SLURM_SPANK_" sbatch
/// and salloc carry it to the job's sruns.
std::string carrier(const char* option);

/// The GPUs of one task in what srun reads as --tres-per-task ("cpu=4,gres/gpu:a100=1"), as
/// --gpus-per-task has it ("a100:1"); empty if there are none.
std::string gpus_of_task(const std::string& tres_per_task);

/// The GPUs of a whole node where a batch script counts them per task ("a100:1" for each of "4(x2)"
/// tasks is "a100:4"), in the words of SLURM_GPUS_PER_TASK and SLURM_TASKS_PER_NODE; empty if that
/// is not one number for all nodes.
std::string gpus_of_node(const std::string& per_task, const std::string& tasks_per_node);

/// The same for all nodes of a job together, whatever their numbers ("1" for each of "3(x2),1"
/// tasks is "7").
std::string gpus_of_job(const std::string& per_task, const std::string& tasks_per_node);

/// "_HET_GROUP_1" of "SLURM_NTASKS_HET_GROUP_1=8", likewise "_PACK_GROUP_1"; empty for a variable
/// ("NAME=value") that is not of one component of a heterogeneous job.
std::string component_ending(std::string_view variable);

/// What Slurm knows of a job that is told to end.
struct JobEnd {
    bool preempted = false;
    bool timed_out = false;
};

/// Why a step ended, in the words of --requeue-on: from what its agent left on the slip
/// ("interrupted", "node") and what Slurm says; empty if it is none of them, as after scancel.
std::string_view cause_of_end(std::string_view word, const JobEnd& job);

/// Where an installation has the agent, as seen from its plugin: "/opt/x/bin/torchelastic" for
/// "/opt/x/lib/torchelastic/spank_torchelastic.so"; empty for a path that is none.
std::string agent_beside(const std::string& plugin);

}  // namespace torchelastic::door
