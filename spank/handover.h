// The names under which the door hands on to the agent. launcher/ reads them.
#pragma once

namespace torchelastic::door {

/// The user's program, that is argv[0] of the step; that it is set says that argv[0] is the agent.
constexpr const char* kScript = "TORCHELASTIC_STEP_SCRIPT";
/// Numeric address of the step's first node; unset if Slurm cannot tell it.
constexpr const char* kAddress = "TORCHELASTIC_STEP_ADDRESS";
/// The secret that only agents of this step know, 64 hexadecimal digits.
constexpr const char* kToken = "TORCHELASTIC_STEP_TOKEN";

/// The static agent's descriptor in the task, the path of the full agent, and the identity
/// ("device:inode") of the node's own "/": where a task has ended up in another, the static agent
/// goes on by itself.
constexpr const char* kDescriptor = "TORCHELASTIC_STEP_DESCRIPTOR";
constexpr const char* kAgent = "TORCHELASTIC_STEP_AGENT";
constexpr const char* kRoot = "TORCHELASTIC_STEP_ROOT";

/// The number of the descriptor on which the agent says how the job ended, for --requeue-on: a file
/// in memory, open in slurmstepd as well.
constexpr const char* kSlip = "TORCHELASTIC_STEP_REQUEUE";

/// Set where Slurm sends a signal to every process of the step, not to the task alone.
constexpr const char* kSignalsReachAll = "TORCHELASTIC_STEP_SIGNALS_ALL";
/// Slurm's KillWait: so many seconds after it told a job to end it kills.
constexpr const char* kKillWait = "TORCHELASTIC_STEP_KILL_WAIT";

/// How the token travels from srun to the nodes: variables whose name begins with SLURM_ reach the
/// step under every --export= (srun's manual), those of an environment are not public, while
/// arguments are.
constexpr const char* kTokenCarrier = "SLURM_TORCHELASTIC_TOKEN";

/// srun must not read the job's SLURM_CPUS_PER_TASK (it does from 24.11 on), but scripts do:
/// meanwhile it is called so.
constexpr const char* kCpusPerTask = "SLURM_CPUS_PER_TASK";
constexpr const char* kCpusCarrier = "SLURM_TORCHELASTIC_CPUS_PER_TASK";

/// Variables that srun was to find, and a plain srun does not leave behind, commas between.
constexpr const char* kAddedCarrier = "SLURM_TORCHELASTIC_ADDED";
/// CommandLine::shares.
constexpr const char* kSharesCarrier = "SLURM_TORCHELASTIC_SHARES";
/// Set in a job whose sbatch or salloc was told --no-kill on its command line.
constexpr const char* kNoKillCarrier = "SLURM_TORCHELASTIC_NO_KILL";

}  // namespace torchelastic::door
