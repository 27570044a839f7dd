// The options of this release, in the order of --help.
#include "options/table.h"

namespace torchelastic::options {

const Option kOptions[] = {
    {"nnodes", 0, Kind::text, Group::job, "N|MIN:MAX", nullptr, nullptr, true, true,
     "Number of nodes, or the fewest and the most that the job may run on; what the scheduler gave "
     "if not set, else 1"},
    {"nproc-per-node", 0, Kind::text, Group::job, "N|auto|gpu|cpu", "1", nullptr, true, true,
     "Workers on each node: a number, gpu for one per accelerator, cpu for one per usable CPU, or "
     "auto for accelerators where there are any and else CPUs"},
    {"standalone", 0, Kind::flag, Group::job, nullptr, nullptr, nullptr, true, false,
     "Run on this node alone, with no rendezvous"},
    {"role", 0, Kind::text, Group::job, "NAME", "default", nullptr, true, true,
     "Role of the workers: ROLE_RANK counts within it, and it appears before lines of --tee"},

    {"module", 'm', Kind::flag, Group::workers, nullptr, nullptr, nullptr, true, true,
     "Run training_script as a Python module, as python -m does"},
    {"no-python", 0, Kind::flag, Group::workers, nullptr, nullptr, nullptr, true, true,
     "Run training_script as a program of its own, without python"},
    {"worker-store", 0, Kind::choice, Group::workers, "agent|rank0|auto", "auto",
     "agent,rank0,auto", true, true,
     "Who serves the store through which workers find each other: the agent, which keeps it across "
     "restarts, worker rank0 as with plain PyTorch, or auto for the agent where it can"},
    {"start-method", 0, Kind::choice, Group::workers, "spawn|fork|forkserver", "spawn",
     "spawn,fork,forkserver", true, false,
     "Accepted for torchrun's sake, has no effect: workers are programs"},

    {"max-restarts", 0, Kind::integer, Group::restarts, "N", "0", nullptr, true, true,
     "How often the whole job may restart after a worker failed; a lost node costs none of them"},
    {"shutdown-timeout", 0, Kind::integer, Group::restarts, "SECONDS", "30", nullptr, true, true,
     "Time between SIGTERM and SIGKILL when workers are stopped; where it is not set, "
     "TORCH_ELASTIC_SHUTDOWN_TIMEOUT counts before the default"},
    {"monitor-interval", 0, Kind::number, Group::restarts, "SECONDS", "0.1", nullptr, true, false,
     "Accepted for torchrun's sake, has no effect: the exit of a worker is an event, nobody polls"},

    {"rdzv-backend", 0, Kind::text, Group::rendezvous, "BACKEND", nullptr, nullptr, true, true,
     "How the nodes find each other: slurm, pmix under srun --mpi=pmix, mpirun or prterun, or for "
     "a "
     "single node torchrun's c10d or static; slurm inside a Slurm step if not set, else "
     "--standalone"},
    {"rdzv-id", 0, Kind::text, Group::rendezvous, "ID", "none", nullptr, true, true,
     "Name of the job: TORCHELASTIC_RUN_ID of the workers, and part of the path of log files"},
    {"rdzv-conf", 0, Kind::text, Group::rendezvous, "KEY=VALUE,...", nullptr, nullptr, true, true,
     "Timing of the rendezvous: join_timeout (seconds, 600), keep_alive_interval (seconds, 1), "
     "keep_alive_max_attempt (3), port_range (LOW-HIGH), pmix_timeout (seconds, 60)"},
    {"local-addr", 0, Kind::text, Group::rendezvous, "ADDRESS", nullptr, nullptr, true, false,
     "Address under which other nodes reach this one; its own choice if not set"},

    {"log-dir", 0, Kind::text, Group::output, "DIR", nullptr, nullptr, true, true,
     "Folder for log files of --redirects and --tee, made if missing; a temporary one if not set"},
    {"redirects", 'r', Kind::text, Group::output, "STREAMS", "0", nullptr, true, true,
     "Streams that go to log files and not to the console: 0 none, 1 stdout, 2 stderr, 3 both, or "
     "per local rank, as in 0:3,1:2"},
    {"tee", 't', Kind::text, Group::output, "STREAMS", "0", nullptr, true, true,
     "Streams that go to log files and to the console, line by line behind a prefix; written like "
     "--redirects"},
    {"log-line-prefix-template", 0, Kind::text, Group::output, "TEMPLATE", nullptr, nullptr, true,
     true,
     "What --tee puts before each line; knows ${role_name}, ${local_rank}, ${rank}, ${hostname}; "
     "[${role_name}${local_rank}]: if not set"},
    {"local-ranks-filter", 0, Kind::text, Group::output, "RANK,...", nullptr, nullptr, true, true,
     "Local ranks whose output the console shows; all if not set"},
};

const std::size_t kOptionCount = sizeof(kOptions) / sizeof(kOptions[0]);

}  // namespace torchelastic::options
