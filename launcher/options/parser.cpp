// Where each option's value comes from, and what it means.
#include "options/parser.h"

#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "options/command_line.h"
#include "options/table.h"

namespace torchelastic::options {

namespace {

/// torchrun's options that this release lacks: whoever brings one deserves more than
/// "unrecognized".
constexpr std::array<std::string_view, 13> kOfTorchrun = {
    "rdzv-endpoint",     "event-log-handler", "run-path",
    "node-rank",         "master-addr",       "master-port",
    "logs-specs",        "numa-binding",      "duplicate-stdout-filters",
    "signals-to-handle", "print-completion",  "duplicate-stderr-filters",
    "virtual-local-rank"};

/// One option's text, and how messages call the place where it was found.
struct Given {
    std::string text;
    std::string origin;
    enum class From { command_line, environment, table } from = From::command_line;
};

/// Reads one option after the other into their fields, and keeps the first error.
class Fields {
public:
    Fields(const CommandLine& line, const Environment& environment)
        : line_(line), environment_(environment) {}

    /// The value from the command line, else PET_, else the table.
    std::optional<Given> find(std::string_view name) const {
        std::size_t i = 0;
        while (name != kOptions[i].name)
            ++i;
        const Option& option = kOptions[i];
        const std::string argument = "argument " + spellings(option);
        if (line_.values[i]) return Given{*line_.values[i], argument};
        if (auto text = option.pet ? environment_(variable(option)) : std::nullopt) {
            return Given{*text, argument + " (" + variable(option) + ")", Given::From::environment};
        }
        if (option.initial) return Given{option.initial, argument, Given::From::table};
        return std::nullopt;
    }

    /// `parse` makes the field of the text; an empty text leaves the field alone if
    /// `blank_is_none`.
    template <class T, class Parse>
    void read(std::string_view name, T& field, Parse parse, bool blank_is_none = false) {
        const auto given = find(name);
        if (!given || (blank_is_none && given->text.empty())) return;
        auto value = parse(given->text);
        if (value) {
            field = *std::move(value);
        } else {
            fail(std::move(value).error().because(given->origin));
        }
    }

    void flag(std::string_view name, bool& field) {
        const auto given = find(name);
        if (!given) return;
        if (given->from == Given::From::command_line) {
            field = true;
        } else if (const auto value = truth(given->text)) {
            field = *value;
        } else {
            fail(Error(in_quotes(given->text) + " is neither true (1) nor false (0)")
                     .because(given->origin));
        }
    }

    void fail(Error error) {
        if (!error_) error_ = std::move(error);
    }

    const std::optional<Error>& error() const { return error_; }
    const Environment& environment() const { return environment_; }

private:
    const CommandLine& line_;
    const Environment& environment_;
    std::optional<Error> error_;
};

Result<std::string> as_text(std::string_view text) {
    return std::string(text);
}

/// An int of at least 0.
Result<int> as_count(std::string_view text) {
    const auto value = python_int(text);
    if (!value) return failure("invalid int value: " + in_quotes(text));
    if (*value < 0) return failure(fmt::format("{} must be 0 or more", in_quotes(text)));
    if (*value > std::numeric_limits<int>::max()) {
        return failure(in_quotes(text) + " is too large");
    }
    return static_cast<int>(*value);
}

Result<std::chrono::seconds> as_seconds(std::string_view text) {
    const auto value = as_count(text);
    if (!value) return failure(value.error());
    return std::chrono::seconds(*value);
}

Result<double> as_interval(std::string_view text) {
    const auto value = python_float(text);
    if (!value) return failure("invalid float value: " + in_quotes(text));
    if (!(*value > 0)) return failure(fmt::format("{} must be more than 0", in_quotes(text)));
    return *value;
}

Error invalid_choice(std::string_view text, std::string_view choices) {
    return Error(fmt::format("invalid choice: {} (choose from {})", in_quotes(text), choices));
}

Result<WorkerStore> as_worker_store(std::string_view text) {
    if (text == "auto") return WorkerStore::automatic;
    if (text == "agent") return WorkerStore::agent;
    if (text == "rank0") return WorkerStore::rank0;
    return failure(invalid_choice(text, "'agent', 'rank0', 'auto'"));
}

Result<std::string> as_start_method(std::string_view text) {
    if (text == "spawn" || text == "fork" || text == "forkserver") return std::string(text);
    return failure(invalid_choice(text, "'spawn', 'fork', 'forkserver'"));
}

Result<Backend> as_backend(std::string_view text) {
    if (text == "slurm") return Backend::slurm;
    if (text == "pmix") return Backend::pmix;
    if (text == "c10d" || text == "static") return Backend::standalone;
    return failure(fmt::format(
        "the rendezvous backend {} is not supported (choose from 'slurm' or 'pmix', or 'c10d' and "
        "'static' on one node)",
        in_quotes(text)));
}

void read_backend(Fields& fields, Options& options) {
    bool standalone = false;
    fields.read("rdzv-backend", options.rdzv_backend, as_backend, true);
    fields.flag("standalone", standalone);
    const bool torchruns = options.rdzv_backend == Backend::standalone;
    if (standalone) options.rdzv_backend = Backend::standalone;
    if (!options.nnodes) return;
    if (standalone && options.nnodes->min > 1) {
        fields.fail(Error(fmt::format("--standalone runs on one node, but --nnodes asks for {}",
                                      options.nnodes->min)));
    } else if (!standalone && torchruns && options.nnodes->max > 1) {
        fields.fail(Error(fmt::format(
            "the rendezvous backend {} is supported on one node, but --nnodes asks for up to {}: "
            "use --rdzv-backend slurm",
            in_quotes(fields.find("rdzv-backend")->text), options.nnodes->max)));
    }
}

void read_output(Fields& fields, Options& options) {
    fields.read("log-dir", options.log_dir, as_text, true);
    fields.read("redirects", options.redirects, parse_streams);
    fields.read("tee", options.tee, parse_streams);
    const auto prefix = fields.environment()("TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE");
    if (prefix && !prefix->empty()) options.log_line_prefix_template = *prefix;
    fields.read("log-line-prefix-template", options.log_line_prefix_template, as_text, true);
    fields.read("local-ranks-filter", options.local_ranks_filter, parse_ranks, true);
}

void read_restarts(Fields& fields, Options& options) {
    fields.read("max-restarts", options.max_restarts, as_count);
    fields.read("shutdown-timeout", options.shutdown_timeout, as_seconds);
    constexpr const char* kVariable = "TORCH_ELASTIC_SHUTDOWN_TIMEOUT";
    if (fields.find("shutdown-timeout")->from != Given::From::table) return;
    if (const auto text = fields.environment()(kVariable)) {
        auto value = as_seconds(*text);
        if (value) {
            options.shutdown_timeout = *value;
        } else {
            fields.fail(std::move(value).error().because(kVariable));
        }
    }
}

/// Checked, so that a mistake in them is as visible as in torchrun, and forgotten.
void read_without_effect(Fields& fields) {
    double interval = 0;
    std::string method;
    fields.read("monitor-interval", interval, as_interval);
    fields.read("start-method", method, as_start_method);
}

Result<Options> read(CommandLine line, const Environment& environment) {
    Options options;
    Fields fields(line, environment);
    fields.read("nnodes", options.nnodes, parse_nodes, true);
    fields.read("nproc-per-node", options.nproc_per_node, parse_workers);
    read_backend(fields, options);
    fields.read("rdzv-id", options.rdzv_id, as_text);
    fields.read("rdzv-conf", options.rdzv_conf, parse_rendezvous_conf);
    read_restarts(fields, options);
    read_without_effect(fields);
    fields.read("role", options.role, as_text);
    fields.flag("module", options.module);
    fields.flag("no-python", options.no_python);
    read_output(fields, options);
    fields.read("local-addr", options.local_addr, as_text, true);
    fields.read("worker-store", options.worker_store, as_worker_store);
    if (options.module && options.no_python) {
        fields.fail(Error("--no-python and --module cannot be used together"));
    }
    if (line.script->empty()) fields.fail(Error("argument training_script: must not be empty"));
    if (fields.error()) return failure(*fields.error());
    options.script = *std::move(line.script);
    options.script_args = std::move(line.script_args);
    return options;
}

std::string unrecognized(const std::vector<std::string>& arguments) {
    std::string text = "unrecognized arguments: " + printable(join(arguments, " "), 200);
    for (const std::string& argument : arguments) {
        std::string name = argument.substr(0, argument.find('='));
        if (!name.starts_with("--")) continue;
        name.erase(0, 2);
        for (char& c : name)
            c = c == '_' ? '-' : c;
        for (const std::string_view known : kOfTorchrun) {
            if (name == known) {
                return text + fmt::format(" (this release lacks torchrun's --{})", known);
            }
        }
    }
    return text;
}

Parsed finish(CommandLine line, const Environment& environment) {
    if (!line.unrecognized.empty()) return UsageError{unrecognized(line.unrecognized)};
    if (!line.script) {
        return UsageError{"the following arguments are required: training_script"};
    }
    Result<Options> options = read(std::move(line), environment);
    if (!options) return UsageError{options.error().text()};
    return *std::move(options);
}

}  // namespace

Parsed parse(const std::vector<std::string>& arguments, const Environment& environment) {
    auto scanned = scan(arguments);
    if (auto* line = std::get_if<CommandLine>(&scanned)) {
        return finish(std::move(*line), environment);
    }
    if (auto* error = std::get_if<UsageError>(&scanned)) return std::move(*error);
    if (std::holds_alternative<Help>(scanned)) return Help{};
    return Version{};
}

Result<Options> parse_step(std::string script, std::vector<std::string> script_args,
                           const Environment& environment) {
    CommandLine line;
    line.script = std::move(script);
    line.script_args = std::move(script_args);
    return read(std::move(line), environment);
}

}  // namespace torchelastic::options
