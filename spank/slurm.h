// Slurm's interface as this plugin uses it.
#pragma once

#include <sys/socket.h>

extern "C" {  // spank.h declares the hooks as a C header does
#include <slurm/slurm.h>
#include <slurm/spank.h>
}

#include <cstdint>

namespace torchelastic::door {

/// Step ids from here on are Slurm's own steps: batch script, extern, interactive.
constexpr std::uint32_t kFirstSpecialStep = 0xFFFFFFF0;

/// A job as an argument of slurm_load_job and slurm_requeue: its number, for Slurm 26.05 the id of
/// no step of it.
struct JobArgument {
    std::uint32_t number;

    operator std::uint32_t() const { return number; }
    operator slurm_step_id_t() const {
        slurm_step_id_t id{};
        id.job_id = number;
        id.step_id = NO_VAL;
        id.step_het_comp = NO_VAL;
        return id;
    }
};

}  // namespace torchelastic::door

// At hand in srun and slurmstepd (libslurmfull). Weak: a Slurm that lacks one of them still loads
// the plugin.
extern "C" {
decltype(slurm_hostlist_create) slurm_hostlist_create __attribute__((weak));
decltype(slurm_hostlist_shift) slurm_hostlist_shift __attribute__((weak));
decltype(slurm_hostlist_find) slurm_hostlist_find __attribute__((weak));
decltype(slurm_hostlist_destroy) slurm_hostlist_destroy __attribute__((weak));
decltype(slurm_load_job) slurm_load_job __attribute__((weak));
decltype(slurm_requeue) slurm_requeue __attribute__((weak));
// Not in Slurm's headers.
char* slurm_xstrdup(const char* text) __attribute__((weak));
int slurm_conf_get_addr(const char* node, sockaddr_storage* address, std::uint16_t flags)
    __attribute__((weak));
extern slurm_conf_t slurm_conf __attribute__((weak));
}
