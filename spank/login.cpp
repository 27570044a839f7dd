// srun's environment is what srun obeys and what the step gets: both are arranged here.
#include "spank/login.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "spank/command_line.h"
#include "spank/handover.h"
#include "spank/own_process.h"
#include "spank/request.h"
#include "spank/seal.h"
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

/// What srun and slurmstepd are to find. A user's own variable or option still wins.
struct Default {
    const char* name;
    const char* value;
};
constexpr Default kDefaults[] = {
    // Slurm ends a step of which it loses a part, at once or by the site's KillOnBadExit and
    // WaitTime. An elastic one goes on.
    {"SLURM_NO_KILL", "set"},
    {"SLURM_KILL_BAD_EXIT", "0"},
    {"SLURM_WAIT", "0"},
    // With connections of its own mpi/pmix can lose what agents tell each other (22.05).
    {"SLURM_PMIX_DIRECT_CONN", "false"},
};

const char* inherited(const char* option) {
    return std::getenv(("SLURM_SPANK_" + carrier(option)).c_str());
}

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

/// In a job of --gpus-per-task a step that asks for no GPUs gets one task's share, whatever its own
/// number of tasks is. Slurm 22.05 tells of it in the first variable, 24.11 in the second.
/// Where nodes have different numbers of tasks only the job's sum says it, and only for a step of
/// the whole job: Slurm then gives each node what the job has there.
void claim_whole_nodes(const std::string& ending, bool whole_job) {
    const auto of_job = [&](const char* name) { return environment((name + ending).c_str()); };
    std::string per_task = of_job("SLURM_GPUS_PER_TASK");
    if (per_task.empty()) per_task = gpus_of_task(of_job("SLURM_TRES_PER_TASK"));
    if (per_task.empty() || !of_job("SLURM_GPUS_PER_NODE").empty()) return;
    const std::string tasks = of_job("SLURM_TASKS_PER_NODE");
    const std::string gpus = gpus_of_node(per_task, tasks);
    const std::string sum = whole_job ? gpus_of_job(per_task, tasks) : "";
    if (!gpus.empty()) {
        setenv(("SLURM_GPUS_PER_NODE" + ending).c_str(), gpus.c_str(), 0);
    } else if (!sum.empty()) {
        setenv("SLURM_GPUS", sum.c_str(), 0);
    } else if (!tasks.empty()) {
        slurm_info(
            "warning: the job has %s tasks per node with GPUs %s for each, and an agent will "
            "see only one task's unless srun has --gpus=N: better use --gpus-per-node",
            tasks.c_str(), per_task.c_str());
    }
}

/// The endings that the variables of a heterogeneous job's components have in this environment:
/// "_HET_GROUP_0", and "_PACK_GROUP_0" for older programs; and "", for the others.
std::vector<std::string> endings() {
    std::vector<std::string> found{""};
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string ending = component_ending(*variable);
        if (std::find(found.begin(), found.end(), ending) == found.end()) found.push_back(ending);
    }
    return found;
}

/// Sets a variable for srun alone: the node's side removes it again.
void lend(std::string& added, const std::string& name, const char* value) {
    if (std::getenv(name.c_str()) == nullptr) added += (added.empty() ? "" : ",") + name;
    setenv(name.c_str(), value, 1);
}

/// Leaves srun nothing of how the job is split among the tasks of a classical program.
void ask_for_one_task_per_node(bool tasks_given, std::string& added) {
    for (const std::string& ending : endings()) {
        for (const char* name : kForManyTasks)
            unsetenv((name + ending).c_str());
        if (!ending.empty()) unsetenv((std::string(kCpusPerTask) + ending).c_str());
        const std::string per_node = "SLURM_NTASKS_PER_NODE" + ending;
        if (tasks_given || std::getenv("SLURM_JOB_ID") == nullptr) {
            // Both together can be impossible, which Slurm says less clearly than the nodes will.
            // Outside of a job one is what there is, and an srun --exclusive that is told so gives
            // the task one core (22.05).
            unsetenv(per_node.c_str());
        } else {
            lend(added, per_node, "1");
        }
    }
}

/// PMIx where the job meets through it, and a site may keep its default MPI away from steps that
/// have no use for it: their start is a tenth of a second faster. srun's --mpi wins.
void choose_mpi(const CommandLine& line, bool by_default) {
    const char* outer = inherited("rdzv-backend");
    const std::string backend =
        line.rdzv_backend.value_or(outer != nullptr ? outer : environment("PET_RDZV_BACKEND"));
    if (backend == "pmix") {
        setenv("SLURM_MPI_TYPE", "pmix", 0);
    } else if (!by_default) {
        setenv("SLURM_MPI_TYPE", "none", 0);
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

void arrange_environment(const Site& site) {
    const char* outer = inherited(kSwitch);
    const bool by_job = outer != nullptr && read_switch(outer).value_or(false);
    const CommandLine line = own_command_line();
    if (!line.elastic.value_or(by_job) || line.interactive) return;
    for (const std::string& ending : endings())
        claim_whole_nodes(ending, ending.empty() && !line.sized);
    choose_mpi(line, site.mpi);
    if (const char* cpus = std::getenv(kCpusPerTask)) {
        setenv(kCpusCarrier, cpus, 1);
        unsetenv(kCpusPerTask);
    }
    std::string added;
    ask_for_one_task_per_node(line.tasks, added);
    for (const Default& variable : kDefaults) {
        if (std::getenv(variable.name) == nullptr) lend(added, variable.name, variable.value);
    }
    setenv(kAddedCarrier, added.c_str(), 1);
    setenv(kSharesCarrier, line.shares.c_str(), 1);
}

bool flip_switch(const char* value) {
    const auto on = read_switch(value);
    if (!on) {
        slurm_error("torchelastic: --torchelastic=%s: neither on nor off", value);
        return false;
    }
    if (spank_context() != S_CTX_LOCAL) return true;
    const CommandLine line = own_command_line();
    if (!*on || line.interactive) {
        unsetenv(kTokenCarrier);
        return true;
    }
    if (line.multi_prog && line.elastic.value_or(true)) {
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

void seal_program(spank_t spank) {
    int count = 0;
    char** arguments = nullptr;
    if (spank_get_item(spank, S_JOB_ARGV, &count, &arguments) != ESPANK_SUCCESS || count < 1)
        return;
    const std::string sealed = seal(arguments[0]);
    // srun may free it one day: only its own allocator's memory would do then.
    arguments[0] = slurm_xstrdup ? slurm_xstrdup(sealed.c_str()) : strdup(sealed.c_str());
}

void warn_of_unused_options(spank_t spank) {
    const bool said_off = !own_command_line().elastic.value_or(true);
    if (is_elastic(spank) || said_off || inherited(kSwitch) != nullptr) return;
    for (std::size_t i = 0; i < options::kOptionCount; ++i) {
        const options::Option& option = options::kOptions[i];
        // A batch script may set options for those of its sruns that are elastic.
        if (!option.srun || given(spank, option) == nullptr || inherited(option.name)) continue;
        slurm_info("warning: --%s has no effect without --torchelastic", option.name);
    }
}

}  // namespace torchelastic::door
