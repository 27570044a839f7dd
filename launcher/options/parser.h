// From the command line and the PET_ variables to one checked value. Pure: the arguments and the
// environment come in as values, nothing is printed, no file or device is looked at. The grammar is
// that of Python's argparse, because users bring torchrun's command lines.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "options/values.h"

namespace torchelastic::options {

/// Where the agents meet, as far as the options say.
enum class Backend {
    choose,      ///< nothing asked for: slurm inside a Slurm step, else standalone
    slurm,       ///< --rdzv-backend slurm
    pmix,        ///< --rdzv-backend pmix
    standalone,  ///< --standalone, or torchrun's c10d or static on one node: nobody else takes part
};

/// Who serves the workers' c10d store.
enum class WorkerStore {
    automatic,  ///< the agent, unless it cannot
    agent,
    rank0,  ///< worker 0, as with plain torch
};

struct Options {
    std::optional<NodeRange> nnodes;  ///< nothing: what the scheduler gave, else one node
    WorkersPerNode nproc_per_node;
    Backend rdzv_backend = Backend::choose;
    std::string rdzv_id = "none";  ///< "none" and "" both mean that the user gave no id
    RendezvousConf rdzv_conf;
    int max_restarts = 0;  ///< 0 or more
    std::string role = "default";
    bool module = false;     ///< `script` is the name of a Python module; never with no_python
    bool no_python = false;  ///< `script` is a program

    std::optional<std::string> log_dir;  ///< nothing: a temporary folder; "/dev/null": no files
    StreamMap redirects;                 ///< streams that go to files only
    StreamMap tee;                       ///< streams that go to files and to the console
    /// Never empty: the option, else TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE, else torchrun's
    /// default.
    std::string log_line_prefix_template = "[${role_name}${local_rank}]:";
    std::optional<std::set<int>> local_ranks_filter;  ///< nothing: the console shows every rank

    std::optional<std::string> local_addr;  ///< what this agent advertises; nothing: its own choice
    /// From SIGTERM to SIGKILL. The option, else TORCH_ELASTIC_SHUTDOWN_TIMEOUT, else 30 s.
    std::chrono::seconds shutdown_timeout{30};
    WorkerStore worker_store = WorkerStore::automatic;

    std::string script;  ///< never empty
    std::vector<std::string> script_args;

    bool operator==(const Options&) const = default;
};

/// The user asked for --help, or for --version.
struct Help {};
struct Version {};

/// The command line cannot be meant so: print usage_error(text) (help.h) on stderr, exit with 2.
struct UsageError {
    std::string text;  ///< one line, printable
};

using Parsed = std::variant<Options, Help, Version, UsageError>;

/// The value of a variable, nothing where it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// `arguments` follow the program's name (and "run"). An option on the command line wins over its
/// PET_ variable, which wins over the default.
Parsed parse(const std::vector<std::string>& arguments, const Environment& environment);

/// The door of srun --torchelastic: every argument belongs to the script, and options come as PET_
/// variables only. An error names the option and its variable.
Result<Options> parse_step(std::string script, std::vector<std::string> script_args,
                           const Environment& environment);

}  // namespace torchelastic::options
