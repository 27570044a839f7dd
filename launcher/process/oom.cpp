// Reading what cgroups and the kernel's log say.
#include "process/oom.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::process {

namespace {

constexpr std::string_view kUnified = "/sys/fs/cgroup";
constexpr std::string_view kLegacy = "/sys/fs/cgroup/memory";

std::optional<std::uint64_t> number(std::string_view text) {
    const auto value = parse_int(trim(text));
    if (!value || *value < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*value);
}

}  // namespace

std::optional<MemoryCgroup> memory_cgroup(std::string_view text) {
    std::optional<MemoryCgroup> found;
    for (const std::string& line : split(text, '\n')) {
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (second == std::string::npos || !line.substr(second + 1).starts_with('/')) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const std::string path = line.substr(second + 1);
        const auto names = split(controllers, ',');
        if (std::find(names.begin(), names.end(), "memory") != names.end()) {
            return MemoryCgroup{false, path};
        }
        if (controllers.empty()) found = MemoryCgroup{true, path};
    }
    return found;
}

std::vector<std::string> folders(const MemoryCgroup& cgroup) {
    const std::string root(cgroup.unified ? kUnified : kLegacy);
    std::vector<std::string> found;
    std::string path = cgroup.path;
    while (path.size() > 1) {
        found.push_back(root + path);
        path.resize(path.rfind('/'));
    }
    found.push_back(root);
    return found;
}

std::string counter_file(const MemoryCgroup& cgroup) {
    return cgroup.unified ? "memory.events" : "memory.oom_control";
}

std::string limit_file(const MemoryCgroup& cgroup) {
    return cgroup.unified ? "memory.max" : "memory.limit_in_bytes";
}

std::optional<std::uint64_t> oom_kills(std::string_view text) {
    constexpr std::string_view kName = "oom_kill ";
    for (const std::string& line : split(text, '\n')) {
        if (line.starts_with(kName)) return number(std::string_view(line).substr(kName.size()));
    }
    return std::nullopt;
}

std::optional<std::uint64_t> memory_limit(std::string_view text) {
    constexpr std::uint64_t kBeyondAnyMachine = 1ULL << 60;  // v1 writes nearly 2^63 for none
    const auto bytes = number(text);
    return bytes && *bytes < kBeyondAnyMachine ? bytes : std::nullopt;
}

// "Out of memory: Killed process 4711 (python3) total-vm:...", or "Memory cgroup out of memory:
// ..."; before Linux 5 the first words stand on the line before, about who is about to be killed.
bool tells_of_oom_kill(std::string_view kernel_log, pid_t pid) {
    return kernel_log.find(fmt::format("Killed process {} (", pid)) != std::string_view::npos;
}

std::string out_of_memory(std::optional<std::uint64_t> limit) {
    if (!limit) return "out of memory";
    constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
    double value = static_cast<double>(*limit) / 1024;
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    std::string amount = fmt::format("{:.1f}", value);
    if (amount.ends_with(".0")) amount.resize(amount.size() - 2);
    return fmt::format("out of memory (limit of the cgroup {} {})", amount, kUnits.at(unit));
}

}  // namespace torchelastic::process
