// What the kernel's files say of processes that it killed for lack of memory. Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace torchelastic::process {

/// Where one process' memory is accounted.
struct MemoryCgroup {
    bool unified = true;  ///< cgroup v2; else v1's memory hierarchy
    std::string path;     ///< within its hierarchy: "/system.slice/slurmd.service"

    bool operator==(const MemoryCgroup&) const = default;
};

/// From the text of /proc/self/cgroup; where both versions are mounted, v1 has the memory.
std::optional<MemoryCgroup> memory_cgroup(std::string_view text);

/// The folders of the cgroup and of those above it, its own first, where systems mount them. In a
/// container the path may be the host's and lead nowhere; the last one is there all the same.
std::vector<std::string> folders(const MemoryCgroup& cgroup);

/// The files of a folder that count what was killed, and that hold the limit.
std::string counter_file(const MemoryCgroup& cgroup);
std::string limit_file(const MemoryCgroup& cgroup);

/// How many processes of the cgroup the kernel has killed for lack of memory, from v2's
/// memory.events, where those of the cgroups below count too, or v1's memory.oom_control.
std::optional<std::uint64_t> oom_kills(std::string_view text);

/// In bytes, from v2's memory.max or v1's memory.limit_in_bytes; nothing if there is no limit.
std::optional<std::uint64_t> memory_limit(std::string_view text);

/// Whether the kernel's log says that it killed this process for lack of memory.
bool tells_of_oom_kill(std::string_view kernel_log, pid_t pid);

/// "out of memory (limit of the cgroup 1.5 GiB)".
std::string out_of_memory(std::optional<std::uint64_t> limit);

}  // namespace torchelastic::process
