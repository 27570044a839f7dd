// Where each option's value comes from, and what it means.
#include "options/parser.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/endpoint.h"
#include "base/text.h"
#include "options/command_line.h"
#include "options/fields.h"
#include "options/near_miss.h"
#include "options/table.h"

namespace torchelastic::options {

namespace {

/// Agents show the id before they trust each other, in a frame of 1024 bytes (wire/frame.h).
constexpr std::size_t kLongestId = 900;

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

Result<WorkerMpi> as_worker_mpi(std::string_view text) {
    if (text == "none") return WorkerMpi::none;
    if (text == "inherit") return WorkerMpi::inherit;
    return failure(invalid_choice(text, "'none', 'inherit'"));
}

Result<std::string> as_start_method(std::string_view text) {
    if (text == "spawn" || text == "fork" || text == "forkserver") return std::string(text);
    return failure(invalid_choice(text, "'spawn', 'fork', 'forkserver'"));
}

Result<std::string> as_logs_specs(std::string_view text) {
    if (text == "default") return std::string(text);
    return failure(fmt::format(
        "{} would be a Python entry point, which cannot be loaded here (choose from 'default')",
        in_quotes(text)));
}

Result<std::uint16_t> as_port(std::string_view text) {
    const auto value = python_int(text);
    if (!value) return failure("invalid int value: " + in_quotes(text));
    if (*value < 0 || *value > std::numeric_limits<std::uint16_t>::max()) {
        return failure(fmt::format("{} is no port: 0 to 65535", in_quotes(text)));
    }
    return static_cast<std::uint16_t>(*value);
}

Result<Backend> as_backend(std::string_view text) {
    if (text == "slurm") return Backend::slurm;
    if (text == "pmix") return Backend::pmix;
    if (text == "c10d") return Backend::c10d;
    if (text == "static") return Backend::fixed;
    if (text == "etcd" || text == "etcd-v2") return Backend::etcd;
    return failure(
        fmt::format("the rendezvous backend {} is not supported (choose from 'slurm', 'pmix', "
                    "'c10d', 'etcd', 'etcd-v2' or 'static')",
                    in_quotes(text)));
}

/// What was asked for by name; "" where nothing was.
std::string backend_name(const Fields& fields) {
    const auto given = fields.find("rdzv-backend");
    return given ? given->text : "";
}

/// torchrun's static rendezvous, which is its default: an endpoint wins over address and port.
void read_master(Fields& fields, Options& options) {
    std::optional<std::string> address;
    std::uint16_t port = 0;
    fields.read("master-addr", address, as_text, true);
    fields.read("master-port", port, as_port, true);
    const bool file = options.rdzv_conf.file_store;
    std::optional<Endpoint> endpoint;
    fields.read(
        "rdzv-endpoint", options.rdzv_endpoint,
        [&](std::string_view text) -> Result<std::string> {
            if (file) return std::string(text);
            const bool several = options.rdzv_backend == Backend::etcd;
            for (const std::string& each :
                 several ? split(text, ',') : std::vector{std::string(text)}) {
                auto parsed = parse_endpoint(each, 0);
                if (!parsed) return failure(std::move(parsed).error());
                endpoint = *std::move(parsed);
            }
            return std::string(trim(text));
        },
        true);
    const std::string backend = backend_name(fields);
    if (!backend.empty() && backend != "static") return;
    if (fields.find("master-addr")->from != Given::From::table) options.master_addr = address;
    if (port != 0) options.master_port = port;
    if (!endpoint) return;
    if (endpoint->port == 0) {
        fields.fail(Error(fmt::format("{} has no port, which torchrun's static rendezvous needs: "
                                      "HOST:PORT",
                                      in_quotes(*options.rdzv_endpoint)))
                        .because(fields.find("rdzv-endpoint")->origin));
        return;
    }
    options.master_addr = endpoint->host;
    options.master_port = endpoint->port;
}

/// On one node nobody has to be met. torchrun's static is also its default.
void settle_backend(Fields& fields, Options& options, bool standalone) {
    const NodeRange nodes = options.nnodes.value_or(NodeRange{});
    const bool fixed =
        options.rdzv_backend == Backend::fixed ||
        (options.rdzv_backend == Backend::choose && (options.master_addr || options.master_port));
    const bool by_endpoint =
        options.rdzv_backend == Backend::c10d || options.rdzv_backend == Backend::etcd;
    if (standalone && nodes.min > 1) {
        return fields.fail(Error(
            fmt::format("--standalone runs on one node, but --nnodes asks for {}", nodes.min)));
    }
    const bool ranked =
        options.rdzv_backend == Backend::fixed ||
        (options.rdzv_backend == Backend::choose && options.nnodes && (fixed || nodes.max == 1));
    if (!standalone && ranked && options.node_rank >= nodes.max) {
        return fields.fail(Error(fmt::format("--node-rank is {}, and must be less than --nnodes={}",
                                             options.node_rank, nodes.max)));
    }
    if (fixed && nodes.max > 1) {
        options.rdzv_backend = Backend::fixed;
        options.nnodes = NodeRange{nodes.max, nodes.max};
    } else if (options.rdzv_backend == Backend::fixed || (by_endpoint && nodes.max == 1)) {
        options.rdzv_backend = Backend::standalone;
    }
}

/// What would keep the nodes from meeting, and could not be told where they are.
void check_meeting(Fields& fields, const Options& options) {
    const bool by_id = options.rdzv_backend == Backend::c10d ||
                       options.rdzv_backend == Backend::etcd ||
                       options.rdzv_backend == Backend::fixed;
    if (by_id && options.rdzv_id.size() > kLongestId) {
        fields.fail(Error(fmt::format("{} bytes are too many for what nodes tell each other by: "
                                      "at most {}",
                                      options.rdzv_id.size(), kLongestId))
                        .because(fields.find("rdzv-id")->origin));
    }
    const auto& ports = options.rdzv_conf.port_range;
    const bool meets_in_range = options.rdzv_backend == Backend::fixed && options.master_port;
    if (meets_in_range && ports &&
        *ports == PortRange{*options.master_port, *options.master_port}) {
        fields.fail(Error(fmt::format(
            "--port-range={0} has no port but --master-port={0}, where the workers' store is: the "
            "agents need another one",
            ports->first)));
    }
}

void read_rendezvous(Fields& fields, Options& options) {
    bool standalone = false;
    fields.read("rdzv-backend", options.rdzv_backend, as_backend, true);
    fields.flag("standalone", standalone);
    fields.read("rdzv-id", options.rdzv_id, as_text);
    fields.read("rdzv-conf", options.rdzv_conf, parse_rendezvous_conf);
    fields.read("node-rank", options.node_rank, as_count);
    read_master(fields, options);
    fields.read("local-addr", options.local_addr, as_text, true);
    fields.read("port-range", options.rdzv_conf.port_range, parse_ports, true);
    if (standalone) {
        options.rdzv_backend = Backend::standalone;
        options.node_rank = 0;
        options.master_addr = std::nullopt;
        options.master_port = std::nullopt;
    }
    settle_backend(fields, options, standalone);
    check_meeting(fields, options);
}

/// Who runs the script: at most one of three.
void read_start(Fields& fields, Options& options) {
    fields.flag("module", options.module);
    fields.flag("no-python", options.no_python);
    fields.flag("run-path", options.run_path);
    if (options.pass_local_rank && options.no_python) {
        fields.fail(
            Error("--no-python needs --use-env: only Python scripts are written for the "
                  "--local-rank that it keeps away"));
    }
    if (options.run_path) {
        options.module = options.no_python = false;
    } else if (options.module && options.no_python) {
        fields.fail(Error("--no-python and --module cannot be used together"));
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
    const auto as_filters = [](std::string_view text) -> Result<std::vector<std::string>> {
        return parse_filters(text);
    };
    fields.read("duplicate-stdout-filters", options.duplicate_stdout_filters, as_filters);
    fields.read("duplicate-stderr-filters", options.duplicate_stderr_filters, as_filters);
    fields.read("event-log-handler", options.event_log, parse_event_log, true);
}

/// Which of them, only the plugin needs to know.
Result<bool> parse_requeue(std::string_view text) {
    constexpr std::array<std::string_view, 3> kEnds = {"preempt", "timeout", "node"};
    for (const std::string& each : split(text, ',')) {
        if (std::find(kEnds.begin(), kEnds.end(), each) == kEnds.end()) {
            return failure(fmt::format("'{}' is none of preempt, timeout, node", printable(each)));
        }
    }
    return true;
}

void read_restarts(Fields& fields, Options& options) {
    fields.read("requeue-on", options.requeue, parse_requeue, true);
    fields.read("max-restarts", options.max_restarts, as_count);
    fields.read("signals-to-handle", options.signals_to_handle,
                [](std::string_view text) -> Result<SignalList> { return parse_signals(text); });
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
    std::string logs_specs;
    fields.read("logs-specs", logs_specs, as_logs_specs, true);
}

Result<Options> read(CommandLine line, const Environment& environment, Command command) {
    Options options;
    options.pass_local_rank = command == Command::launch && !line.use_env;
    Fields fields(line, environment);
    fields.read("nnodes", options.nnodes, parse_nodes, true);
    fields.read("nproc-per-node", options.nproc_per_node, parse_workers);
    read_rendezvous(fields, options);
    read_restarts(fields, options);
    read_without_effect(fields);
    fields.read("role", options.role, as_text);
    read_start(fields, options);
    fields.flag("virtual-local-rank", options.virtual_local_rank);
    fields.read("numa-binding", options.numa_binding, parse_numa_binding, true);
    fields.read("worker-store", options.worker_store, as_worker_store);
    fields.read("worker-mpi", options.worker_mpi, as_worker_mpi);
    read_output(fields, options);
    if (line.script->empty()) fields.fail(Error("argument training_script: must not be empty"));
    if (fields.error()) return failure(*fields.error());
    options.script = *std::move(line.script);
    options.script_args = std::move(line.script_args);
    return options;
}

std::string unrecognized(const std::vector<std::string>& arguments) {
    std::vector<std::string> known;
    for (std::size_t i = 0; i < kOptionCount; ++i)
        known.push_back(std::string("--") + kOptions[i].name);
    std::string text = "unrecognized arguments: " + printable(join(arguments, " "), 200);
    for (const std::string& argument : arguments) {
        std::string name = argument.substr(0, argument.find('='));
        if (!name.starts_with("--")) continue;
        std::replace(name.begin(), name.end(), '_', '-');
        if (const auto near = near_miss(name, known))
            return text + " (did you mean " + *near + "?)";
    }
    return text;
}

Parsed finish(CommandLine line, const Environment& environment, Command command) {
    if (!line.unrecognized.empty()) return UsageError{unrecognized(line.unrecognized)};
    if (!line.script) {
        return UsageError{"the following arguments are required: training_script"};
    }
    Result<Options> options = read(std::move(line), environment, command);
    if (!options) return UsageError{options.error().text()};
    return *std::move(options);
}

}  // namespace

Parsed parse(const std::vector<std::string>& arguments, const Environment& environment,
             Command command) {
    auto scanned = scan(arguments, command);
    if (auto* line = std::get_if<CommandLine>(&scanned)) {
        return finish(std::move(*line), environment, command);
    }
    if (auto* error = std::get_if<UsageError>(&scanned)) return std::move(*error);
    if (auto* completion = std::get_if<Completion>(&scanned)) return *completion;
    if (std::holds_alternative<Help>(scanned)) return Help{};
    return Version{};
}

std::optional<Error> complaint(const Option& option, const std::string& value) {
    CommandLine line;
    line.script = "script";
    line.values[static_cast<std::size_t>(&option - kOptions)] = value;
    const Result<Options> options = read(
        std::move(line), [](const std::string&) { return std::nullopt; }, Command::run);
    if (options) return std::nullopt;
    std::string text = options.error().text();
    const std::string origin = "argument " + spellings(option) + ": ";
    if (text.starts_with(origin)) text.erase(0, origin.size());
    return Error(std::move(text));
}

Result<Options> parse_step(std::string script, std::vector<std::string> script_args,
                           const Environment& environment) {
    CommandLine line;
    line.script = std::move(script);
    line.script_args = std::move(script_args);
    return read(std::move(line), environment, Command::run);
}

}  // namespace torchelastic::options
