// Slurm's interface as this plugin uses it.
#pragma once

#include <sys/socket.h>

extern "C" {  // spank.h declares the hooks as a C header does
#include <slurm/spank.h>
}

#include <cstdint>

namespace torchelastic::door {

/// Step ids from here on are Slurm's own steps: batch script, extern, interactive.
constexpr std::uint32_t kFirstSpecialStep = 0xFFFFFFF0;

}  // namespace torchelastic::door

// Not in spank.h, but at hand in srun and slurmstepd (libslurmfull). slurm.h declares hostlist_t
// differently before and after 23.11, and slurm_conf_get_addr not at all. Weak: a Slurm that lacks
// one of them still loads the plugin.
extern "C" {
void* slurm_hostlist_create(const char* hostlist) __attribute__((weak));
char* slurm_hostlist_shift(void* hostlist) __attribute__((weak));
int slurm_hostlist_find(void* hostlist, const char* node) __attribute__((weak));
void slurm_hostlist_destroy(void* hostlist) __attribute__((weak));
char* slurm_xstrdup(const char* text) __attribute__((weak));
int slurm_conf_get_addr(const char* node, sockaddr_storage* address, std::uint16_t flags)
    __attribute__((weak));
}
