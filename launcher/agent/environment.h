// What a worker finds in its environment: torchrun's contract. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/messages.h"
#include "hardware/visible.h"

namespace torchelastic::agent {

using Environment = std::map<std::string, std::string>;

/// "NAME=value" strings as a map; of a name given twice the first wins, as with getenv(3).
Environment read_environment(const char* const* environment);

/// What is the same for all workers of this node.
struct WorkerSetting {
    int workers = 1;
    std::string role = "default";
    std::string signals_to_handle;  ///< names, separated by commas; nested launchers read them
    std::string notice_file;        ///< see notice.h; empty: there is none
    /// The interface that Gloo is to use unless the user chose: set where the host's own name does
    /// not lead to an address that other nodes can reach.
    std::optional<std::string> gloo_interface;
    bool inherits_mpi = false;  ///< --worker-mpi=inherit
    /// With --virtual-local-rank: every worker is local rank 0 of the one device that it sees.
    std::optional<hardware::DevicePerWorker> devices;
};

/// The agent's environment without what is the agent's own business (options by PET_, the Slurm
/// plugin's variables, what an MPI launcher told the agent's process unless workers inherit that),
/// overlaid with the contract (torchrun 2.14). `error_file` may be empty.
std::vector<std::string> worker_environment(const Environment& base, const WorkerSetting& setting,
                                            const coordinator::Assignment& assignment,
                                            int local_rank, const std::string& error_file);

/// torchrun's rule: several workers per node share it unless the user says otherwise.
/// True if OMP_NUM_THREADS is to be 1 because nobody has set it.
bool limits_threads(const Environment& base, int workers);

}  // namespace torchelastic::agent
