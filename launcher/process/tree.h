// The processes below a process, as /proc shows them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace torchelastic::process {

/// One line of /proc/<pid>/stat. Plain data, so that a signal handler may fill it.
struct Stat {
    pid_t pid = 0;
    pid_t parent = 0;
    pid_t group = 0;
    pid_t session = 0;
    char state = '?';
    std::uint64_t start_time =
        0;                  ///< in clock ticks since boot: tells a process from its pid's next
    std::string_view name;  ///< within the text that was parsed
};

/// Reads the text of /proc/<pid>/stat; names with blanks and parentheses are no obstacle. Pure,
/// and free of allocation.
std::optional<Stat> parse_stat(std::string_view text);

/// A process that is there.
struct Process {
    pid_t pid = 0;
    pid_t parent = 0;
    pid_t group = 0;
    pid_t session = 0;
    char state = '?';
    std::uint64_t start_time = 0;
    std::string name;

    bool operator==(const Process&) const = default;
};

/// Those of `all` that descend from `root`, parents before children, without the processes in
/// `spare` and what descends from those. Pure.
std::vector<Process> descendants_among(const std::vector<Process>& all, pid_t root,
                                       const std::set<pid_t>& spare);

/// The process of that pid, if there is one.
std::optional<Process> look_at(pid_t pid);

/// Every process that can be seen.
Result<std::vector<Process>> all_processes(const std::string& proc = "/proc");

/// Descendants of `root` by /proc/<pid>/task/*/children, or by a scan of all processes where the
/// kernel has no such files (CONFIG_PROC_CHILDREN). `proc` is where proc(5) is mounted.
Result<std::vector<Process>> descendants(pid_t root, const std::set<pid_t>& spare = {},
                                         const std::string& proc = "/proc");

/// Sends a signal to exactly this process: not to another that got its pid meanwhile, as far as
/// the kernel can tell them apart (it can since 5.3).
void signal_process(const Process& process, int signal);

/// "python3 (pid 4711, state D)"
std::string words(const Process& process);

}  // namespace torchelastic::process
