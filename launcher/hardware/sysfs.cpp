// Walking /sys and /dev.
#include "hardware/sysfs.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::hardware {

namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return std::string(trim(line));
}

bool exists(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(path, ignored);
}

/// Names in a folder that are `prefix` and a number, in the order of the numbers.
std::vector<std::int64_t> numbered(const fs::path& folder, std::string_view prefix) {
    std::vector<std::int64_t> numbers;
    std::error_code error;
    for (fs::directory_iterator each(folder, error), end; !error && each != end;
         each.increment(error)) {
        const std::string name = each->path().filename().string();
        if (!name.starts_with(prefix) || name.size() == prefix.size()) continue;
        const std::string_view number = std::string_view(name).substr(prefix.size());
        const auto value = parse_int(number);
        if (value && *value >= 0 && number[0] != '+') numbers.push_back(*value);
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

/// A property of a KFD node: lines of a name and a decimal number.
std::uint64_t property(const fs::path& file, std::string_view name) {
    std::ifstream lines(file);
    std::string key;
    std::uint64_t value = 0;
    while (lines >> key >> value) {
        if (key == name) return value;
    }
    return 0;
}

/// 1 but for the Data Center GPU Max (Ponte Vecchio), whose i915 has a GT for each tile; elsewhere
/// the second GT of i915 is the media engine's.
std::size_t tiles(const fs::path& card, const std::string& driver) {
    if (driver == "xe") return std::max(numbered(card / "device", "tile").size(), std::size_t{1});
    if (!first_line(card / "device/device").starts_with("0x0bd")) return 1;
    return std::max(numbered(card / "gt", "gt").size(), std::size_t{1});
}

std::optional<std::string> intel_driver(const fs::path& device) {
    if (first_line(device / "vendor") != "0x8086") return std::nullopt;
    const std::string kind = first_line(device / "class");
    if (!kind.starts_with("0x0300") && !kind.starts_with("0x0380")) return std::nullopt;
    std::error_code error;
    std::string driver = fs::read_symlink(device / "driver", error).filename().string();
    if (driver != "xe" && driver != "i915") return std::nullopt;
    return driver;
}

bool can_render(const std::string& root, const fs::path& device) {
    const auto nodes = numbered(device / "drm", "renderD");
    return std::any_of(nodes.begin(), nodes.end(), [&](std::int64_t node) {
        return exists(fmt::format("{}/dev/dri/renderD{}", root, node));
    });
}

}  // namespace

std::vector<Gpu> amd_gpus(const std::string& root) {
    std::vector<Gpu> gpus;
    if (!exists(root + "/dev/kfd")) return gpus;
    const fs::path nodes = root + "/sys/class/kfd/kfd/topology/nodes";
    for (const std::int64_t node : numbered(nodes, "")) {
        // Those of devices that a cgroup keeps from this process cannot be read.
        const fs::path file = nodes / std::to_string(node) / "properties";
        if (property(file, "simd_count") == 0) continue;
        const std::uint64_t at = property(file, "location_id");
        Gpu gpu;
        gpu.pci = fmt::format("{:04x}:{:02x}:{:02x}.{}", property(file, "domain"), at >> 8 & 0xFF,
                              at >> 3 & 0x1F, at & 0x7);
        gpu.uuid = fmt::format("GPU-{:016x}", property(file, "unique_id"));
        gpu.numa_node = numa_node(root, gpu.pci);
        gpus.push_back(std::move(gpu));
    }
    return gpus;
}

IntelGpus intel_gpus(const std::string& root) {
    IntelGpus found;
    const fs::path cards = root + "/sys/class/drm";
    for (const std::int64_t number : numbered(cards, "card")) {
        const fs::path card = cards / fmt::format("card{}", number);
        const auto driver = intel_driver(card / "device");
        if (!driver || !can_render(root, card / "device")) continue;
        std::error_code error;
        const std::string pci = fs::canonical(card / "device", error).filename().string();
        const Gpu gpu{.pci = pci, .numa_node = numa_node(root, pci)};
        // The one inside the processor sits on its root bus; whatever is plugged in has its own.
        const bool integrated = pci.size() > 7 && pci.compare(5, 2, "00") == 0;
        if (integrated) {
            found.integrated.push_back(gpu);
        } else {
            found.discrete.insert(found.discrete.end(), tiles(card, *driver), gpu);
        }
    }
    const auto by_address = [](const Gpu& a, const Gpu& b) { return a.pci < b.pci; };
    std::stable_sort(found.discrete.begin(), found.discrete.end(), by_address);
    return found;
}

std::size_t nvidia_files(const std::string& root) {
    return numbered(root + "/dev", "nvidia").size();
}

int numa_node(const std::string& root, const std::string& pci) {
    const auto node =
        parse_int(first_line(fmt::format("{}/sys/bus/pci/devices/{}/numa_node", root, pci)));
    return node && *node >= 0 ? static_cast<int>(*node) : -1;
}

}  // namespace torchelastic::hardware
