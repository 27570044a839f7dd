// srun's environment is what srun obeys and what the step gets: both are arranged here.
#include "spank/login.h"

#include <sys/random.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "spank/handover.h"
#include "spank/request.h"
#include "spank/step_options.h"

namespace torchelastic::door {

namespace {

/// How sbatch and salloc tell srun how to split the job among the tasks of a classical program. An
/// agent is one task that owns the node: srun must not hand it one worker's share.
constexpr const char* kForManyTasks[] = {
    "SLURM_NTASKS",          "SLURM_NPROCS",
    "SLURM_NTASKS_PER_CORE", "SLURM_NTASKS_PER_SOCKET",
    "SLURM_NTASKS_PER_GPU",  "SRUN_CPUS_PER_TASK",
    "SLURM_GPUS_PER_TASK",   "SLURM_TRES_PER_TASK",
    "SLURM_GPU_BIND",        "SLURM_TRES_BIND",
};

/// Not by a stream of the standard library, which would be most of the plugin's size.
std::string read_file(const char* path) {
    std::string bytes;
    std::FILE* file = std::fopen(path, "re");
    if (file == nullptr) return bytes;
    char chunk[4096];
    while (const std::size_t length = std::fread(chunk, 1, sizeof(chunk), file)) {
        bytes.append(chunk, length);
    }
    std::fclose(file);
    return bytes;
}

/// Slurm ends a step of which it loses a part, at once or by the site's KillOnBadExit and WaitTime.
/// An elastic one goes on. A user's own variable or option still wins.
struct Default {
    const char* name;
    const char* value;
};
constexpr Default kToGoOn[] = {
    {"SLURM_NO_KILL", "set"},
    {"SLURM_KILL_BAD_EXIT", "0"},
    {"SLURM_WAIT", "0"},
};

CommandLine own_command_line() {
    const std::string bytes = read_file("/proc/self/cmdline");
    std::vector<std::string> arguments;
    for (std::size_t begin = 0; begin < bytes.size();) {
        arguments.emplace_back(bytes.c_str() + begin);
        begin += arguments.back().size() + 1;
    }
    return scan(arguments);
}

const char* inherited(const char* option) {
    return std::getenv(("SLURM_SPANK_" + carrier(option)).c_str());
}

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

/// In a job of --gpus-per-task a step that asks for no GPUs gets one task's share, whatever its own
/// number of tasks is. Slurm 22.05 tells of it in the first variable, 24.11 in the second.
void claim_whole_nodes() {
    std::string per_task = environment("SLURM_GPUS_PER_TASK");
    if (per_task.empty()) per_task = gpus_of_task(environment("SLURM_TRES_PER_TASK"));
    if (per_task.empty() || std::getenv("SLURM_GPUS_PER_NODE") != nullptr) return;
    const std::string tasks = environment("SLURM_TASKS_PER_NODE");
    const std::string gpus = gpus_of_node(per_task, tasks);
    if (!gpus.empty()) {
        setenv("SLURM_GPUS_PER_NODE", gpus.c_str(), 0);
    } else if (!tasks.empty()) {
        slurm_info(
            "warning: the job has %s tasks per node with GPUs %s for each, and an agent will "
            "see only one task's: use --gpus-per-node",
            tasks.c_str(), per_task.c_str());
    }
}

/// 32 random bytes in hexadecimal; empty if the kernel has none.
std::string fresh_token() {
    unsigned char bytes[32];
    if (getrandom(bytes, sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) return {};
    std::string text;
    for (const unsigned char byte : bytes) {
        char digits[3];
        std::snprintf(digits, sizeof(digits), "%02x", byte);
        text += digits;
    }
    return text;
}

}  // namespace

void arrange_environment() {
    const char* outer = inherited(kSwitch);
    const bool by_job = outer != nullptr && read_switch(outer).value_or(false);
    const CommandLine line = own_command_line();
    if (!line.elastic.value_or(by_job)) return;
    claim_whole_nodes();
    if (const char* cpus = std::getenv(kCpusPerTask)) {
        setenv(kCpusCarrier, cpus, 1);
        unsetenv(kCpusPerTask);
    }
    for (const char* name : kForManyTasks)
        unsetenv(name);
    for (const Default& variable : kToGoOn)
        setenv(variable.name, variable.value, 0);
    if (line.tasks) {
        // Both together can be impossible, which Slurm says less clearly than the nodes will.
        unsetenv("SLURM_NTASKS_PER_NODE");
    } else {
        setenv("SLURM_NTASKS_PER_NODE", "1", 1);
    }
}

bool flip_switch(const char* value) {
    const auto on = read_switch(value);
    if (!on) {
        slurm_error("torchelastic: --torchelastic=%s: neither on nor off", value);
        return false;
    }
    if (spank_context() != S_CTX_LOCAL) return true;
    if (!*on) {
        unsetenv(kTokenCarrier);
        return true;
    }
    if (own_command_line().multi_prog) {
        slurm_error(
            "torchelastic: --multi-prog starts programs of its own choice and cannot be "
            "elastic: leave it out, or give --torchelastic=off");
        return false;
    }
    const std::string token = fresh_token();
    if (token.empty()) {
        slurm_error("torchelastic: the kernel gives no random bytes for the step's token");
        return false;
    }
    setenv(kTokenCarrier, token.c_str(), 1);
    return true;
}

void warn_of_unused_options(spank_t spank) {
    if (is_elastic(spank) || inherited(kSwitch) != nullptr) return;
    for (std::size_t i = 0; i < options::kOptionCount; ++i) {
        const options::Option& option = options::kOptions[i];
        // A batch script may set options for those of its sruns that are elastic.
        if (!option.srun || given(spank, option) == nullptr || inherited(option.name)) continue;
        slurm_info("warning: --%s has no effect without --torchelastic", option.name);
    }
}

}  // namespace torchelastic::door
