// What a user asks of srun: values of our options, and whether a command line asks for the agent.
// Pure: knows nothing of Slurm's processes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "options/table.h"

namespace torchelastic::door {

/// Slurm writes an option without a value as null, "" or "(null)", depending on its way.
bool is_bare(const char* value);

/// --torchelastic[=on|off]: a bare one is on; nothing for any other word.
std::optional<bool> read_switch(const char* value);

/// Why `option` cannot have this value, in words; empty if it can. Only what needs no knowledge of
/// the nodes is checked: integers, numbers and choices. The agent checks the rest.
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

/// Where an installation has the agent, as seen from its plugin: "/opt/x/bin/torchelastic" for
/// "/opt/x/lib/torchelastic/spank_torchelastic.so"; empty for a path that is none.
std::string agent_beside(const std::string& plugin);

/// What srun's own arguments say, the program's not looked at.
struct CommandLine {
    std::optional<bool> elastic;  ///< --torchelastic[=on|off]; nothing if not given
    bool multi_prog = false;      ///< --multi-prog
    bool tasks = false;           ///< -n
};

/// `arguments[0]` is srun itself. Slurm tells a plugin its options only after it has read the
/// environment; this is for what must happen before. As srun's options differ from version to
/// version, a word behind an option that is not known to stand alone may be its value: the scan
/// then goes on, and would in the worst case read the first words of the program's arguments as
/// srun's.
CommandLine scan(const std::vector<std::string>& arguments);

}  // namespace torchelastic::door
