// Notices that the kernel killed something of ours for lack of memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "process/oom.h"

namespace torchelastic::process {

/// Compares the counter of this process' cgroup, which is that of what it starts, before and after.
/// Where there is no such counter, it asks the kernel's log, if this user may read it.
class OomWatch {
public:
    /// Counts from here on. Reads one small file; the first time, one more.
    void begin();

    /// "out of memory (limit of the cgroup 64 MiB)", if since begin() the kernel has killed a
    /// process of this cgroup, or, as its log has it, the one that SIGKILL ended; otherwise empty.
    std::string verdict(std::optional<pid_t> killed) const;

private:
    std::optional<std::uint64_t> kills() const;
    std::optional<std::uint64_t> limit() const;

    std::optional<MemoryCgroup> cgroup_;
    std::string counter_;  ///< path of the file; empty if there is none
    std::optional<std::uint64_t> before_;
    bool looked_ = false;
};

}  // namespace torchelastic::process
