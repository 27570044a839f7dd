// Reading of SLURM_* and of what the plugin hands on.
#include "slurm/allocation.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "slurm/hostlist.h"

namespace torchelastic::slurm {

namespace {

/// Step ids from here on are Slurm's own: batch script, extern, interactive, pending. Slurm 26.05
/// writes them as negative numbers.
constexpr std::uint32_t kFirstSpecialStep = 0xFFFFFFF0;
constexpr std::int64_t kLeastSpecialStep = -16;

const std::string* find(const Environment& environment, const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() || found->second.empty() ? nullptr : &found->second;
}

std::string text_or_empty(const Environment& environment, const char* name) {
    const std::string* text = find(environment, name);
    return text ? *text : std::string();
}

Result<std::uint32_t> read_number(const Environment& environment, const char* name) {
    const std::string* text = find(environment, name);
    if (!text) return failure(fmt::format("{} is not set", name));
    const auto value = parse_int(*text);
    if (!value || *value < 0 || *value > std::numeric_limits<std::uint32_t>::max()) {
        return failure(fmt::format("{}='{}' is not a count", name, printable(*text, 64)));
    }
    return static_cast<std::uint32_t>(*value);
}

/// "2(x3),1" is 2 2 2 1; `nodes` of them are expected.
Result<std::vector<std::size_t>> read_tasks(std::string_view text, std::size_t nodes) {
    const auto broken = [&] {
        return failure(fmt::format("SLURM_STEP_TASKS_PER_NODE='{}' does not tell the tasks of {}",
                                   printable(text, 128), count(nodes, "node")));
    };
    std::vector<std::size_t> tasks;
    for (const std::string& item : split(text, ',')) {
        std::string_view number = item;
        std::int64_t repeat = 1;
        if (const auto open = number.find("(x"); open != std::string_view::npos) {
            if (!number.ends_with(')')) return broken();
            const auto times = parse_int(number.substr(open + 2, number.size() - open - 3));
            if (!times) return broken();
            repeat = *times;
            number = number.substr(0, open);
        }
        const auto value = parse_int(number);
        if (!value || *value < 1 || repeat < 1) return broken();
        if (static_cast<std::size_t>(repeat) > nodes - tasks.size()) return broken();
        tasks.insert(tasks.end(), static_cast<std::size_t>(repeat),
                     static_cast<std::size_t>(*value));
    }
    if (tasks.size() != nodes) return broken();
    return tasks;
}

Result<void> read_identity(const Environment& environment, Allocation& step) {
    const auto job = read_number(environment, "SLURM_JOB_ID");
    if (!job) return failure(job.error());
    step.job_id = *job;
    if (find(environment, "SLURM_RESTART_COUNT")) {
        const auto restarts = read_number(environment, "SLURM_RESTART_COUNT");
        if (!restarts) return failure(restarts.error());
        step.restart_count = *restarts;
    }
    step.run_id = fmt::format("{}.{}.{}", step.job_id, step.step_id, step.restart_count);
    return {};
}

/// The nodes of one component of a heterogeneous job; none if Slurm does not tell. srun 22.05 has
/// the older name where it makes the allocation itself.
std::vector<std::string> component(const Environment& environment, std::uint32_t number) {
    for (const char* kind : {"HET", "PACK"}) {
        const std::string name = fmt::format("SLURM_JOB_NODELIST_{}_GROUP_{}", kind, number);
        const std::string* list = find(environment, name.c_str());
        if (!list) continue;
        if (auto nodes = expand_hostlist(*list)) return std::move(*nodes);
    }
    return {};
}

/// Slurm lists the nodes of a step over several components in the order of their names, and counts
/// them component by component.
std::vector<std::string> in_order_of_components(const Environment& environment,
                                                const std::vector<std::string>& nodes,
                                                std::uint32_t components) {
    std::vector<std::string> ordered;
    std::set<std::string> left(nodes.begin(), nodes.end());
    for (std::uint32_t i = 0; i < components && !left.empty(); ++i) {
        for (std::string& node : component(environment, i)) {
            if (left.erase(node) != 0) ordered.push_back(std::move(node));
        }
    }
    return ordered.size() == nodes.size() ? ordered : nodes;
}

Result<void> read_place(const Environment& environment, Allocation& step) {
    const std::string* list = find(environment, "SLURM_STEP_NODELIST");
    if (!list) return failure("SLURM_STEP_NODELIST is not set");
    auto nodes = expand_hostlist(*list);
    if (!nodes) return failure(std::move(nodes).error().because("SLURM_STEP_NODELIST"));
    step.nodes = std::move(*nodes);
    const auto components = read_number(environment, "SLURM_HET_SIZE");
    if (components && *components <= kMaxHosts) {
        step.nodes = in_order_of_components(environment, step.nodes, *components);
    }

    const auto index = read_number(environment, "SLURM_NODEID");
    if (!index) return failure(index.error());
    step.index = *index;
    if (step.index >= step.nodes.size()) {
        return failure(fmt::format("SLURM_NODEID={} is beyond the {} of SLURM_STEP_NODELIST",
                                   step.index, count(step.nodes.size(), "node")));
    }
    step.node = step.nodes[step.index];
    const std::string* name = find(environment, "SLURMD_NODENAME");
    if (name && *name != step.node) {
        return failure(fmt::format(
            "SLURMD_NODENAME={} but SLURM_STEP_NODELIST and SLURM_NODEID={} say {}; in a "
            "job that was submitted from inside a step, run 'unset SLURM_STEP_ID' first",
            printable(*name, 64), step.index, step.node));
    }
    auto tasks =
        read_tasks(text_or_empty(environment, "SLURM_STEP_TASKS_PER_NODE"), step.nodes.size());
    if (!tasks) return failure(std::move(tasks).error());
    step.tasks = std::move(*tasks);
    return {};
}

std::optional<WallTime> read_end(const Environment& environment) {
    const std::string* text = find(environment, "SLURM_JOB_END_TIME");
    const auto seconds = text ? parse_int(*text) : std::nullopt;
    // An unlimited job ends at 0 or at the end of 32 bits.
    if (!seconds || *seconds <= 0 || *seconds >= 0xFFFFFFFE) return std::nullopt;
    return WallTime(std::chrono::seconds(*seconds));
}

}  // namespace

Result<std::optional<Allocation>> read_allocation(const Environment& environment) {
    const auto fail = [](Error error) {
        return failure(std::move(error).because("read the Slurm step from the environment"));
    };
    const std::string* text = find(environment, "SLURM_STEP_ID");
    if (!text) return std::nullopt;
    const std::int64_t number = parse_int(*text).value_or(0);
    if (number < 0 && number >= kLeastSpecialStep) return std::nullopt;
    const auto id = read_number(environment, "SLURM_STEP_ID");
    if (!id) return fail(id.error());
    if (*id >= kFirstSpecialStep) return std::nullopt;

    Allocation step;
    step.step_id = *id;
    if (auto read = read_identity(environment, step); !read) return fail(std::move(read).error());
    if (auto read = read_place(environment, step); !read) return fail(std::move(read).error());
    step.address = text_or_empty(environment, "TORCHELASTIC_STEP_ADDRESS");
    step.token = text_or_empty(environment, "TORCHELASTIC_STEP_TOKEN");
    step.ends = read_end(environment);
    return step;
}

Result<void> one_task_per_node(const Allocation& allocation) {
    const auto crowded = std::find_if(allocation.tasks.begin(), allocation.tasks.end(),
                                      [](std::size_t tasks) { return tasks != 1; });
    if (crowded == allocation.tasks.end()) return {};
    const auto node = static_cast<std::size_t>(crowded - allocation.tasks.begin());
    return failure(fmt::format(
        "step {}.{} has {} on node {}, and one agent serves a whole node: use --ntasks-per-node=1 "
        "(and --nproc-per-node for the number of workers)",
        allocation.job_id, allocation.step_id, count(*crowded, "task"), allocation.nodes[node]));
}

std::optional<std::size_t> gpus_on_node(const Environment& environment) {
    const auto gpus = read_number(environment, "SLURM_GPUS_ON_NODE");
    if (!gpus) return std::nullopt;
    return *gpus;
}

}  // namespace torchelastic::slurm
