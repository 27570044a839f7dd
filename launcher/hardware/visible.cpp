// Reading visibility variables.
#include "hardware/visible.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::hardware {

namespace {

using Gpus = std::vector<Gpu>;

constexpr const char* kCuda = "CUDA_VISIBLE_DEVICES";
constexpr const char* kHip = "HIP_VISIBLE_DEVICES";
constexpr const char* kRocr = "ROCR_VISIBLE_DEVICES";
constexpr const char* kZe = "ZE_AFFINITY_MASK";

const std::string* find(const Environment& environment, const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : &found->second;
}

std::string shown(const char* name, const std::string& value) {
    return fmt::format("{}='{}'", name, printable(value, 64));
}

/// The number that an entry begins with, as strtoul(3) reads it: "2ampere" is 2. Nothing for what
/// begins with none and for negative ones.
std::optional<std::size_t> leading_index(std::string_view entry) {
    if (entry.starts_with('+')) entry.remove_prefix(1);
    const auto digits = std::min(entry.find_first_not_of("0123456789"), entry.size());
    const auto value = parse_int(entry.substr(0, digits));
    if (digits == 0 || !value) return std::nullopt;
    return static_cast<std::size_t>(*value);
}

/// All names that a list could mean, with what they stand for.
std::vector<std::pair<std::string, Gpu>> names(const Gpus& all, bool instances) {
    std::vector<std::pair<std::string, Gpu>> names;
    for (const Gpu& gpu : all) {
        if (!instances) names.emplace_back(gpu.uuid, gpu);
        for (std::size_t i = 0; instances && i < gpu.instances.size(); ++i) {
            Gpu part{.pci = gpu.pci, .uuid = gpu.instances[i], .numa_node = gpu.numa_node};
            names.emplace_back(gpu.instances[i], std::move(part));
        }
    }
    return names;
}

Gpus select_by_name(const std::vector<std::string>& entries, std::string_view prefix,
                    const std::optional<Gpus>& all) {
    const auto known = names(all.value_or(Gpus{}), prefix == "MIG-");
    Gpus selected;
    std::set<std::string> seen;
    for (const std::string& entry : entries) {
        if (!entry.starts_with(prefix)) break;
        Gpu gpu{.uuid = entry};
        if (all) {
            const auto fits = [&](const auto& each) { return each.first.starts_with(entry); };
            if (std::count_if(known.begin(), known.end(), fits) != 1) break;
            gpu = std::find_if(known.begin(), known.end(), fits)->second;
        }
        if (!seen.insert(gpu.uuid).second) return {};
        selected.push_back(std::move(gpu));
    }
    return selected;
}

Gpus select_by_index(const std::vector<std::string>& entries, const std::optional<Gpus>& all) {
    Gpus selected;
    std::set<std::size_t> seen;
    for (const std::string& entry : entries) {
        const auto index = leading_index(entry);
        if (!index || (all && *index >= all->size())) break;
        if (!seen.insert(*index).second) return {};
        selected.push_back(all ? (*all)[*index] : Gpu{});
    }
    return selected;
}

/// ZE_AFFINITY_MASK: devices ("1") or tiles of them ("1.0"). Level Zero shows the tiles of one
/// device as one device where it is asked for COMPOSITE ones.
Gpus select_by_mask(std::string_view mask, const Gpus& all, bool composite) {
    Gpus selected;
    std::set<std::string> seen;
    for (const std::string& each : split(mask, ',')) {
        std::string_view entry = trim(each);
        if (composite) entry = entry.substr(0, entry.find('.'));
        const auto index = leading_index(entry);
        if (!index) break;
        const bool tile = entry.find('.') != std::string_view::npos;
        if (!all.empty() && !tile && *index >= all.size()) continue;
        if (!seen.insert(std::string(entry)).second) continue;
        selected.push_back(all.empty() || tile ? Gpu{} : all[*index]);
    }
    return selected;
}

/// Tiles of one device side by side become that device.
Gpus whole_devices(const Gpus& tiles) {
    Gpus devices;
    std::unique_copy(tiles.begin(), tiles.end(), std::back_inserter(devices),
                     [](const Gpu& a, const Gpu& b) { return a.pci == b.pci; });
    return devices;
}

/// Where no variable says which: as many as Slurm gave, if that is fewer.
void apply_slurm(Visible& visible, std::optional<std::size_t> slurm) {
    if (!slurm) return;
    if (visible.vendor != Vendor::unknown && *slurm >= visible.gpus.size()) return;
    visible.gpus.assign(*slurm, Gpu{});
    visible.words = fmt::format("SLURM_GPUS_ON_NODE={}; {}", *slurm, visible.words);
}

Visible nvidia_gpus(const Environment& environment, const Gpus& all,
                    std::optional<std::size_t> slurm) {
    Visible visible{Vendor::nvidia, all, fmt::format("NVML lists {}", all.size())};
    const std::string* list = find(environment, kCuda);
    if (list == nullptr) {
        apply_slurm(visible, slurm);
        return visible;
    }
    visible.gpus = select(*list, all);
    visible.words += ", " + shown(kCuda, *list);
    return visible;
}

/// ROCR_VISIBLE_DEVICES comes first and numbers what it leaves anew; of the two others, HIP asks
/// CUDA's only where its own is not set.
Visible amd_gpus(const Environment& environment, const Gpus& all,
                 std::optional<std::size_t> slurm) {
    Visible visible{Vendor::amd, all, fmt::format("KFD lists {}", all.size())};
    const auto apply = [&](const char* name) {
        const std::string* list = find(environment, name);
        if (list == nullptr) return false;
        visible.gpus = select(*list, visible.gpus);
        visible.words += ", " + shown(name, *list);
        return true;
    };
    const bool limited = apply(kRocr);
    if (!apply(kHip) && !apply(kCuda) && !limited) apply_slurm(visible, slurm);
    return visible;
}

std::string words_of_absence(const GpuFacts& facts) {
    return fmt::format("{}; no AMD GPU in /sys/class/kfd; {}",
                       facts.nvidia ? "NVML lists none" : "no NVML (" + facts.no_nvml + ")",
                       facts.nvidia_files == 0
                           ? "no /dev/nvidia0"
                           : fmt::format("{} /dev/nvidia<n>", facts.nvidia_files));
}

/// Nothing that could be looked at: variables, Slurm and device files are believed.
Visible unseen_gpus(const Environment& environment, const GpuFacts& facts,
                    std::optional<std::size_t> slurm) {
    Visible visible{Vendor::unknown, Gpus(facts.nvidia_files), words_of_absence(facts)};
    for (const char* name : {kCuda, kHip, kRocr}) {
        const std::string* list = find(environment, name);
        if (list == nullptr) continue;
        visible.gpus = select(*list, std::nullopt);
        visible.words = fmt::format("{}, unchecked: {}", shown(name, *list), visible.words);
        return visible;
    }
    if (facts.nvidia_files == 0 && !facts.intel.empty()) return visible;  // Slurm's are these
    apply_slurm(visible, slurm);
    return visible;
}

/// The variable that devices of this node obey, which a worker's share is put into.
const char* selecting_variable(const Environment& environment, const GpuFacts& facts) {
    if (facts.has_nvidia()) return kCuda;
    if (!facts.amd.empty()) return find(environment, kHip) != nullptr ? kHip : kCuda;
    if (!facts.intel.empty() && !facts.intel_integrated) return kZe;
    for (const char* name : {kCuda, kHip, kZe}) {
        if (find(environment, name) != nullptr) return name;
    }
    return kCuda;
}

}  // namespace

std::vector<Gpu> select(std::string_view list, const std::optional<std::vector<Gpu>>& all) {
    std::vector<std::string> entries;
    for (const std::string& entry : split(list, ','))
        entries.emplace_back(trim(entry));
    for (const char* prefix : {"GPU-", "MIG-"}) {
        if (entries.front().starts_with(prefix)) return select_by_name(entries, prefix, all);
    }
    return select_by_index(entries, all);
}

Visible visible_gpus(const Environment& environment, const GpuFacts& facts,
                     std::optional<std::size_t> slurm) {
    if (facts.has_nvidia()) return nvidia_gpus(environment, *facts.nvidia, slurm);
    if (!facts.amd.empty()) return amd_gpus(environment, facts.amd, slurm);
    return unseen_gpus(environment, facts, slurm);
}

Visible visible_xpus(const Environment& environment, const GpuFacts& facts,
                     std::optional<std::size_t> slurm) {
    const std::string* hierarchy = find(environment, "ZE_FLAT_DEVICE_HIERARCHY");
    const bool composite = hierarchy != nullptr && *hierarchy == "COMPOSITE";
    const Gpus all = composite ? whole_devices(facts.intel) : facts.intel;
    Visible visible{all.empty() ? Vendor::unknown : Vendor::intel, all,
                    all.empty() ? "no Intel GPU with a driver (xe, i915) and a /dev/dri/renderD* "
                                  "in /sys/class/drm"
                                : fmt::format("/sys/class/drm lists {}", all.size())};
    if (const std::string* mask = find(environment, kZe); mask != nullptr && !mask->empty()) {
        visible.gpus = select_by_mask(*mask, all, composite);
        visible.words += ", " + shown(kZe, *mask);
        return visible;
    }
    const bool others = facts.has_nvidia() || !facts.amd.empty();
    if (!others) apply_slurm(visible, slurm);
    return visible;
}

Result<DevicePerWorker> device_per_worker(const Environment& environment, const GpuFacts& facts,
                                          int workers) {
    DevicePerWorker share{.variable = selecting_variable(environment, facts)};
    const std::string* list = find(environment, share.variable.c_str());
    if (list != nullptr && list->empty() && share.variable == kZe) list = nullptr;  // as Level Zero
    const std::vector<std::string> entries = split(list != nullptr ? *list : "", ',');
    const bool hidden = list != nullptr && trim(*list).empty();
    const auto wanted = static_cast<std::size_t>(workers);
    if (list != nullptr && !hidden && entries.size() < wanted) {
        return failure(
            fmt::format("--virtual-local-rank: {} names {} for {}: name one for each, or lower "
                        "--nproc-per-node",
                        shown(share.variable.c_str(), *list), count(entries.size(), "device"),
                        count(wanted, "worker")));
    }
    for (std::size_t rank = 0; rank < wanted; ++rank) {
        share.values.push_back(list == nullptr ? std::to_string(rank)
                               : hidden        ? std::string()
                                               : std::string(trim(entries[rank])));
    }
    return share;
}

}  // namespace torchelastic::hardware
