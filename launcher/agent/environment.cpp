// The environment contract.
#include "agent/environment.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace torchelastic::agent {

namespace {

/// The agent's own business: a nested launcher must not take our options for its defaults.
constexpr std::array<std::string_view, 3> kPrivate = {"PET_", "TORCHELASTIC_STEP_",
                                                      "TORCHELASTIC_TOKEN"};

/// By which Open MPI (OMPI_, ORTE_, PRTE_), MPICH and its kin (PMI_, HYDI_, MPI_LOCAL) and Slurm
/// tell a process who it is. A worker that calls MPI_Init with what was the agent's kills the step
/// (Open MPI 4.1) or hangs (5.0).
constexpr std::array<std::string_view, 8> kMpiLauncher = {"PMIX_", "PMI_",  "PMI2_", "OMPI_",
                                                          "ORTE_", "PRTE_", "HYDI_", "MPI_LOCAL"};

/// With it and without PMIX_ Open MPI 4 takes a process for a broken task of srun's, and aborts it.
/// The same number stays in SLURM_STEPID.
constexpr std::string_view kDirectLaunch = "SLURM_STEP_ID";

/// Parameters of Open MPI and PRRTE, which users set, and their launchers as well.
constexpr std::array<std::string_view, 2> kMpiParameter = {"OMPI_MCA_", "PRTE_MCA_"};

/// How sbatch and srun hand the plugin's options on: an srun called by a worker is a plain srun.
constexpr std::string_view kSpankOption = "SPANK_OPTION_torchelastic_";

template <std::size_t N>
bool begins_with_one_of(const std::array<std::string_view, N>& prefixes, std::string_view name) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool is_private(const std::string& name) {
    return name.find(kSpankOption) != std::string::npos || begins_with_one_of(kPrivate, name);
}

/// What an MPI launcher left for the agent's process. Parameters are the user's own unless it was
/// Open MPI's launcher that started the agent: then nobody can tell whose they are.
bool is_mpi_launchers(const std::string& name, const Environment& base) {
    if (name == kDirectLaunch) return true;
    if (!begins_with_one_of(kMpiLauncher, name)) return false;
    return base.contains("OMPI_COMM_WORLD_SIZE") || !begins_with_one_of(kMpiParameter, name);
}

}  // namespace

Environment read_environment(const char* const* environment) {
    Environment variables;
    for (; *environment != nullptr; ++environment) {
        const std::string_view each = *environment;
        const auto equals = each.find('=');
        if (equals == std::string_view::npos) continue;
        variables.emplace(each.substr(0, equals), each.substr(equals + 1));
    }
    return variables;
}

bool limits_threads(const Environment& base, int workers) {
    return workers > 1 && !base.contains("OMP_NUM_THREADS");
}

std::vector<std::string> worker_environment(const Environment& base, const WorkerSetting& setting,
                                            const coordinator::Assignment& assignment,
                                            int local_rank, const std::string& error_file) {
    Environment out;
    for (const auto& [name, value] : base) {
        if (is_private(name) || (!setting.inherits_mpi && is_mpi_launchers(name, base))) continue;
        out.emplace(name, value);
    }
    const auto number = [](auto value) { return std::to_string(value); };
    out["RANK"] = number(assignment.first_rank + local_rank);
    out["LOCAL_RANK"] = number(local_rank);
    out["WORLD_SIZE"] = number(assignment.world_size);
    out["LOCAL_WORLD_SIZE"] = number(setting.workers);
    out["GROUP_RANK"] = number(assignment.group_rank);
    out["GROUP_WORLD_SIZE"] = number(assignment.group_world_size);
    out["ROLE_NAME"] = setting.role;
    out["ROLE_RANK"] = number(assignment.first_role_rank + local_rank);
    out["ROLE_WORLD_SIZE"] = number(assignment.role_world_size);
    out["MASTER_ADDR"] = assignment.master_address;
    out["MASTER_PORT"] = number(assignment.master_port);
    out["TORCHELASTIC_RESTART_COUNT"] = number(assignment.restart_count);
    out["TORCHELASTIC_MAX_RESTARTS"] = number(assignment.max_restarts);
    out["TORCHELASTIC_RUN_ID"] = assignment.run_id;
    out["TORCHELASTIC_USE_AGENT_STORE"] = assignment.agent_store ? "True" : "False";
    out["TORCHELASTIC_ERROR_FILE"] = error_file;
    out["TORCHELASTIC_SIGNALS_TO_HANDLE"] = setting.signals_to_handle;
    if (!setting.notice_file.empty()) out["TORCHELASTIC_NOTICE_FILE"] = setting.notice_file;
    // Both names: torch 1.13 reads the first, 2.x the second.
    out.emplace("NCCL_ASYNC_ERROR_HANDLING", "1");
    out.emplace("TORCH_NCCL_ASYNC_ERROR_HANDLING", "1");
    if (limits_threads(base, setting.workers)) out["OMP_NUM_THREADS"] = "1";
    if (setting.gloo_interface) out.emplace("GLOO_SOCKET_IFNAME", *setting.gloo_interface);
    if (setting.devices) {
        out["LOCAL_RANK"] = "0";
        out[setting.devices->variable] =
            setting.devices->values[static_cast<std::size_t>(local_rank)];
    }
    std::vector<std::string> flat;
    flat.reserve(out.size());
    for (const auto& [name, value] : out)
        flat.push_back(fmt::format("{}={}", name, value));
    return flat;
}

}  // namespace torchelastic::agent
