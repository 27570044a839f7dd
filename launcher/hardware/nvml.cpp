// The few calls of NVML that counting needs, declared by hand: its header belongs to CUDA.
#include "hardware/nvml.h"

#include <dlfcn.h>

#include <string>
#include <type_traits>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::hardware {

namespace {

using Device = struct OpaqueDevice*;
using Status = int;  // nvmlReturn_t: 0 is success

/// nvmlPciInfo_t of nvmlDeviceGetPciInfo_v3.
struct PciInfo {
    char legacy_bus_id[16];
    unsigned domain;
    unsigned bus;
    unsigned device;
    unsigned device_id;
    unsigned subsystem_id;
    char bus_id[32];
};
static_assert(sizeof(PciInfo) == 68);

/// Longer than any NVML_DEVICE_UUID_V2_BUFFER_SIZE.
constexpr unsigned kUuidSize = 128;

struct Nvml {
    Status (*init)() = nullptr;
    Status (*shutdown)() = nullptr;
    const char* (*words)(Status) = nullptr;
    Status (*count)(unsigned*) = nullptr;
    Status (*device)(unsigned, Device*) = nullptr;
    Status (*uuid)(Device, char*, unsigned) = nullptr;
    Status (*pci)(Device, PciInfo*) = nullptr;
    // Absent before R450.
    Status (*most_instances)(Device, unsigned*) = nullptr;
    Status (*instance)(Device, unsigned, Device*) = nullptr;
};

template <class Function>
bool look_up(void* library, const char* name, Function& function) {
    static_assert(std::is_pointer_v<Function>);
    function = reinterpret_cast<Function>(::dlsym(library, name));
    return function != nullptr;
}

/// The library stays loaded: it may have left threads behind.
Result<Nvml> load() {
    void* library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        const char* why = ::dlerror();
        return failure(why != nullptr ? printable(why) : "libnvidia-ml.so.1 cannot be loaded");
    }
    Nvml nvml;
    const bool complete = look_up(library, "nvmlInit_v2", nvml.init) &&
                          look_up(library, "nvmlShutdown", nvml.shutdown) &&
                          look_up(library, "nvmlErrorString", nvml.words) &&
                          look_up(library, "nvmlDeviceGetCount_v2", nvml.count) &&
                          look_up(library, "nvmlDeviceGetHandleByIndex_v2", nvml.device) &&
                          look_up(library, "nvmlDeviceGetUUID", nvml.uuid) &&
                          look_up(library, "nvmlDeviceGetPciInfo_v3", nvml.pci);
    if (!complete) return failure("libnvidia-ml.so.1 lacks functions of driver 418 and later");
    look_up(library, "nvmlDeviceGetMaxMigDeviceCount", nvml.most_instances);
    look_up(library, "nvmlDeviceGetMigDeviceHandleByIndex", nvml.instance);
    return nvml;
}

std::string uuid(const Nvml& nvml, Device device) {
    char text[kUuidSize] = "";
    return nvml.uuid(device, text, sizeof text - 1) == 0 ? text : "";
}

std::vector<std::string> instances(const Nvml& nvml, Device device) {
    std::vector<std::string> found;
    unsigned most = 0;
    if (nvml.most_instances == nullptr || nvml.instance == nullptr) return found;
    if (nvml.most_instances(device, &most) != 0) return found;
    for (unsigned i = 0; i < most; ++i) {
        Device instance = nullptr;
        if (nvml.instance(device, i, &instance) == 0) found.push_back(uuid(nvml, instance));
    }
    return found;
}

Gpu describe(const Nvml& nvml, Device device) {
    Gpu gpu{.uuid = uuid(nvml, device)};
    PciInfo at{};
    if (nvml.pci(device, &at) == 0) {
        gpu.pci = fmt::format("{:04x}:{:02x}:{:02x}.0", at.domain, at.bus, at.device);
    }
    gpu.instances = instances(nvml, device);
    return gpu;
}

}  // namespace

Result<std::vector<Gpu>> ask_nvml() {
    const auto nvml = load();
    if (!nvml) return failure(nvml.error());
    if (const Status status = nvml->init(); status != 0) {
        return failure(fmt::format("nvmlInit_v2: {}", printable(nvml->words(status))));
    }
    unsigned count = 0;
    const Status status = nvml->count(&count);
    std::vector<Gpu> gpus;
    for (unsigned i = 0; status == 0 && i < count; ++i) {
        Device device = nullptr;
        // Counted are those, too, that a cgroup keeps from this process: they have no handle.
        if (nvml->device(i, &device) == 0) gpus.push_back(describe(*nvml, device));
    }
    nvml->shutdown();
    if (status == 0) return gpus;
    return failure(fmt::format("nvmlDeviceGetCount_v2: {}", printable(nvml->words(status))));
}

}  // namespace torchelastic::hardware
