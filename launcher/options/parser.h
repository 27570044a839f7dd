// From the command line and the PET_ variables to one checked value. Pure: the arguments and the
// environment come in as values, nothing is printed, no file or device is looked at. The grammar is
// that of Python's argparse, because users bring torchrun's command lines.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "options/rdzv_conf.h"
#include "options/table.h"
#include "options/values.h"

namespace torchelastic::options {

/// Where the agents meet, as far as the options say.
enum class Backend {
    choose,      ///< nothing asked for: slurm inside a Slurm step, else standalone
    slurm,       ///< --rdzv-backend slurm
    pmix,        ///< --rdzv-backend pmix
    standalone,  ///< --standalone, or one of torchrun's backends on one node: nobody else takes
                 ///< part
    c10d,        ///< torchrun's, on several nodes: who comes to --rdzv-endpoint takes part
    etcd,        ///< torchrun's, on several nodes: who asks the etcd at --rdzv-endpoint takes part
    fixed,       ///< torchrun's static, on several nodes: --node-rank of --nnodes
};

/// Who serves the workers' c10d store.
enum class WorkerStore {
    automatic,  ///< the agent, unless it cannot
    agent,
    rank0,  ///< worker 0, as with plain torch
};

/// What workers get of the variables of the MPI launcher that started the agent.
enum class WorkerMpi {
    none,     ///< nothing: a worker that calls MPI_Init is alone in its world
    inherit,  ///< everything
};

struct Options {
    std::optional<NodeRange> nnodes;  ///< nothing: what the scheduler gave, else one node
    WorkersPerNode nproc_per_node;
    Backend rdzv_backend = Backend::choose;
    std::string rdzv_id = "none";  ///< "none" and "" both mean that the user gave no id
    RendezvousConf rdzv_conf;
    /// "host[:port]", checked (a path with rdzv_conf.file_store): where agents of c10d meet, or
    /// etcd is: then several, separated by ','.
    std::optional<std::string> rdzv_endpoint;
    int node_rank = 0;  ///< 0 or more
    /// Where the workers' store must be, because somebody outside of the job relies on it:
    /// torchrun's static rendezvous, of --master-addr and --master-port or of --rdzv-endpoint.
    /// Nothing where another rendezvous was asked for, and where the user left it to us. Not 0.
    std::optional<std::string> master_addr;
    std::optional<std::uint16_t> master_port;
    int max_restarts = 0;  ///< 0 or more
    std::string role = "default";

    /// At most one of these three. `script` is the name of a Python module; a program; what a
    /// Python process of ours runs under torch's @record.
    bool module = false;
    bool no_python = false;
    bool run_path = false;
    /// Each worker gets --local-rank=<its own> before script_args (torch.distributed.launch).
    bool pass_local_rank = false;
    bool virtual_local_rank = false;  ///< LOCAL_RANK is 0, and the worker sees its device alone
    std::optional<NumaBinding> numa_binding;

    std::optional<std::string> log_dir;  ///< nothing: a temporary folder; "/dev/null": no files
    StreamMap redirects;                 ///< streams that go to files only
    StreamMap tee;                       ///< streams that go to files and to the console
    /// Never empty: the option, else TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE, else torchrun's
    /// default.
    std::string log_line_prefix_template = "[${role_name}${local_rank}]:";
    std::optional<std::set<int>> local_ranks_filter;  ///< nothing: the console shows every rank
    /// Lines of --tee that contain one of these go to one more file, too; nothing: no such file.
    std::optional<std::vector<std::string>> duplicate_stdout_filters;
    std::optional<std::vector<std::string>> duplicate_stderr_filters;
    EventLog event_log;

    std::optional<std::string> local_addr;  ///< what this agent advertises; nothing: its own choice
    /// From SIGTERM to SIGKILL. The option, else TORCH_ELASTIC_SHUTDOWN_TIMEOUT, else 30 s.
    std::chrono::seconds shutdown_timeout{30};
    bool requeue = false;  ///< --requeue-on: the Slurm plugin acts on it
    SignalList signals_to_handle = parse_signals("SIGTERM,SIGINT,SIGHUP,SIGQUIT");
    WorkerStore worker_store = WorkerStore::automatic;
    WorkerMpi worker_mpi = WorkerMpi::none;

    std::string script;  ///< never empty
    std::vector<std::string> script_args;

    bool operator==(const Options&) const = default;
};

/// The user asked for --help, or for --version.
struct Help {};
struct Version {};

/// The user asked for --print-completion.
enum class Shell { bash, zsh, tcsh };
struct Completion {
    Shell shell;
};

/// The command line cannot be meant so: print usage_error(text) (help.h) on stderr, exit with 2.
struct UsageError {
    std::string text;  ///< one line, printable
};

using Parsed = std::variant<Options, Help, Version, Completion, UsageError>;

/// The value of a variable, nothing where it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// How the program was called.
enum class Command {
    run,       ///< torchelastic run
    launch,    ///< torchelastic launch: as torch.distributed.launch, pass_local_rank by default
    torchrun,  ///< by a link of this name: as torchelastic run
};

/// `arguments` follow the program's name (and the command's). An option on the command line wins
/// over its PET_ variable, which wins over the default.
Parsed parse(const std::vector<std::string>& arguments, const Environment& environment,
             Command command = Command::run);

/// Why `option`, which is in the table, cannot have this value, as parse() would say it, in clauses
/// without the option's name; nothing if it can, whatever the other options are.
std::optional<Error> complaint(const Option& option, const std::string& value);

/// The door of srun --torchelastic: every argument belongs to the script, and options come as PET_
/// variables only. An error names the option and its variable.
Result<Options> parse_step(std::string script, std::vector<std::string> script_args,
                           const Environment& environment);

}  // namespace torchelastic::options
