// Finding the own cgroup among the mounts, and its quota.
#include "hardware/cpu_quota.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace torchelastic::hardware {

namespace {

/// One mounted tree of cgroups that may limit CPU time.
struct Hierarchy {
    bool unified = false;  ///< version 2
    std::string top;       ///< the cgroup that is mounted: in a container not "/"
    std::string mounted;   ///< where
};

bool names(std::string_view list, std::string_view word) {
    const auto words = split(list, ',');
    return std::find(words.begin(), words.end(), word) != words.end();
}

/// A line of /proc/self/mountinfo: proc(5). Fields of unknown number end with "-".
std::optional<Hierarchy> parse_mount(const std::string& line) {
    std::istringstream fields(line);
    std::string id, parent, device, top, mounted, field;
    if (!(fields >> id >> parent >> device >> top >> mounted)) return std::nullopt;
    while (fields >> field && field != "-") {
    }
    std::string type, source, options;
    if (!(fields >> type >> source >> options)) return std::nullopt;
    if (type == "cgroup2") return Hierarchy{true, top, mounted};
    if (type == "cgroup" && names(options, "cpu")) return Hierarchy{false, top, mounted};
    return std::nullopt;
}

/// This process' cgroup in a hierarchy, by /proc/self/cgroup: "0::/a/b", "4:cpu,cpuacct:/a/b".
std::optional<std::string> own_cgroup(const std::string& root, bool unified) {
    std::ifstream file(root + "/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        const auto first = line.find(':');
        if (first == std::string::npos) continue;
        const auto second = line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const bool wanted =
            unified ? line.starts_with("0:") && controllers.empty() : names(controllers, "cpu");
        if (wanted) return line.substr(second + 1);
    }
    return std::nullopt;
}

/// CPUs by "max 100000" or "150000 100000"; 0: no limit.
double parse_quota(std::istream& text) {
    std::string quota, period;
    if (!(text >> quota >> period)) return 0;
    const auto part = parse_int(quota);
    const auto whole = parse_int(period);
    if (!part || !whole || *part <= 0 || *whole <= 0) return 0;
    return static_cast<double>(*part) / static_cast<double>(*whole);
}

double quota_of(const std::string& folder, bool unified) {
    if (unified) {
        std::ifstream file(folder + "/cpu.max");
        return parse_quota(file);
    }
    std::stringstream both;
    for (const char* name : {"/cpu.cfs_quota_us", "/cpu.cfs_period_us"}) {
        std::ifstream file(folder + name);
        std::string number;
        file >> number;
        both << number << ' ';
    }
    return parse_quota(both);
}

/// The part of a cgroup's path that lies below the mounted one. In a cgroup namespace both begin
/// where the namespace does; a cgroup outside of what is mounted shows as "/..".
std::string below(const std::string& top, const std::string& cgroup) {
    if (top == "/") return cgroup == "/" ? "" : cgroup;
    if (cgroup == top || cgroup.starts_with(top + "/")) return cgroup.substr(top.size());
    return "";
}

}  // namespace

std::optional<std::size_t> quota_cpus(const std::string& root) {
    double tightest = 0;
    std::ifstream mounts(root + "/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
        const auto hierarchy = parse_mount(line);
        if (!hierarchy) continue;
        const auto cgroup = own_cgroup(root, hierarchy->unified);
        if (!cgroup) continue;
        const std::string mounted = root + hierarchy->mounted;
        for (std::string path = below(hierarchy->top, *cgroup);;) {
            std::string folder = mounted;
            folder += path;
            const double quota = quota_of(folder, hierarchy->unified);
            if (quota > 0 && (tightest == 0 || quota < tightest)) tightest = quota;
            const auto slash = path.rfind('/');
            if (slash == std::string::npos) break;
            path.resize(slash);
        }
    }
    if (tightest == 0) return std::nullopt;
    const auto whole = static_cast<std::size_t>(tightest);
    return std::max(whole + (static_cast<double>(whole) < tightest ? 1 : 0), std::size_t{1});
}

}  // namespace torchelastic::hardware
