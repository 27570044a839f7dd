// srun's own command line, read before Slurm reads it. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace torchelastic::door {

/// What srun's own arguments say, the program's not looked at.
struct CommandLine {
    std::optional<bool> elastic;  ///< --torchelastic[=on|off]; nothing if not given
    bool multi_prog = false;      ///< --multi-prog
    bool interactive = false;     ///< --interactive: salloc's own shell
    bool tasks = false;           ///< -n or --ntasks-per-gpu
    bool sized = false;           ///< which or how many of the job's nodes or GPUs the step gets
    /// Options that hand out a part of a node: those of "exact", "exclusive", "overlap",
    /// "cpus-per-task", "gpus-per-task", "tres-per-task" and "gpu-bind" that were given, commas
    /// between.
    std::string shares;
    std::optional<std::string> rdzv_backend;  ///< --rdzv-backend
    std::optional<std::string> nnodes;        ///< --nnodes
    bool no_kill = false;                     ///< --no-kill or -k, but not --no-kill=off
};

/// `arguments[0]` is srun itself. Slurm tells a plugin its options only after it has read the
/// environment; this is for what must happen before. As srun's options differ from version to
/// version, a word behind an option that is not known to stand alone may be its value: the scan
/// then goes on, and would in the worst case read the first words of the program's arguments as
/// srun's.
CommandLine scan(const std::vector<std::string>& arguments);

}  // namespace torchelastic::door
