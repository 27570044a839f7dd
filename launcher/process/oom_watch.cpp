// Reading the files of the cgroup, and the kernel's log.
#include "process/oom_watch.h"

#include <fcntl.h>
#include <sys/klog.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"

namespace torchelastic::process {

namespace {

constexpr std::size_t kSmall = 4096;
constexpr std::size_t kLogEnd = 256UL * 1024;
constexpr int kReadAll = 3;  // SYSLOG_ACTION_READ_ALL: the last bytes, which stay where they are

/// The beginning of a small file; empty if it cannot be read.
std::string text_of(const std::string& path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return "";
    std::string text(kSmall, '\0');
    const ssize_t got = ::read(file.get(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

std::string end_of_kernel_log() {
    std::string text(kLogEnd, '\0');
    const int got = ::klogctl(kReadAll, text.data(), static_cast<int>(text.size()));
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

}  // namespace

void OomWatch::begin() {
    if (!looked_) {
        looked_ = true;
        cgroup_ = memory_cgroup(text_of("/proc/self/cgroup"));
        if (cgroup_) {
            const auto all = folders(*cgroup_);
            for (const std::string& folder : {all.front(), all.back()}) {
                counter_ = folder + "/" + counter_file(*cgroup_);
                before_ = kills();
                if (before_) return;
            }
        }
        counter_.clear();
    }
    before_ = kills();
}

std::string OomWatch::verdict(std::optional<pid_t> killed) const {
    if (before_) {
        const auto after = kills();
        return after && *after > *before_ ? out_of_memory(limit()) : "";
    }
    if (killed && tells_of_oom_kill(end_of_kernel_log(), *killed)) return out_of_memory(limit());
    return "";
}

std::optional<std::uint64_t> OomWatch::kills() const {
    return counter_.empty() ? std::nullopt : oom_kills(text_of(counter_));
}

/// The tightest of the cgroup's own and of those above it.
std::optional<std::uint64_t> OomWatch::limit() const {
    if (!cgroup_) return std::nullopt;
    std::optional<std::uint64_t> least;
    for (const std::string& folder : folders(*cgroup_)) {
        const auto here = memory_limit(text_of(folder + "/" + limit_file(*cgroup_)));
        if (here) least = std::min(*here, least.value_or(*here));
    }
    return least;
}

}  // namespace torchelastic::process
