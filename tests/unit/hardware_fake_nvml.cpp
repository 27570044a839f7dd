// Stands for NVIDIA's driver library on machines that have none: as many GPUs as FAKE_NVML says, of
// which one that a cgroup keeps away comes in addition, and the second one is cut into two
// instances. FAKE_NVML=broken is a driver that does not work, FAKE_OLD one that lacks a function.
// It shows how the library is called, not how NVIDIA's answers.
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kNoPermission = 4;
constexpr int kNotFound = 6;
constexpr int kDriverNotLoaded = 9;

int open = 0;

int gpus() {
    const char* text = std::getenv("FAKE_NVML");
    return text == nullptr ? 0 : std::atoi(text);
}

/// Handles: 1, 2, ... are GPUs, 101, 102 the instances.
long number(void* device) {
    return reinterpret_cast<long>(device);
}

}  // namespace

extern "C" {

int nvmlInit_v2() {
    const char* text = std::getenv("FAKE_NVML");
    if (text != nullptr && std::strcmp(text, "broken") == 0) return kDriverNotLoaded;
    ++open;
    return 0;
}

int nvmlShutdown() {
    --open;
    return 0;
}

const char* nvmlErrorString(int status) {
    return status == kDriverNotLoaded ? "Driver Not Loaded" : "Unknown Error";
}

int nvmlDeviceGetCount_v2(unsigned* count) {
    *count = static_cast<unsigned>(gpus()) + 1;
    return open == 1 ? 0 : 1;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
    if (index >= static_cast<unsigned>(gpus())) return kNoPermission;
    *device = reinterpret_cast<void*>(static_cast<long>(index) + 1);
    return 0;
}

int nvmlDeviceGetUUID(void* device, char* text, unsigned size) {
    const long n = number(device);
    std::snprintf(text, size, n > 100 ? "MIG-%ld" : "GPU-%ld", n > 100 ? n - 100 : n - 1);
    return 0;
}

#ifndef FAKE_OLD
int nvmlDeviceGetPciInfo_v3(void* device, void* info) {
    const unsigned at[3] = {1, 0xC0 + static_cast<unsigned>(number(device)), 2};
    std::memcpy(static_cast<char*>(info) + 16, at, sizeof at);
    return 0;
}
#endif

int nvmlDeviceGetMaxMigDeviceCount(void* device, unsigned* count) {
    *count = number(device) == 2 ? 7 : 0;
    return 0;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void*, unsigned index, void** instance) {
    if (index != 0 && index != 3) return kNotFound;
    *instance = reinterpret_cast<void*>(static_cast<long>(index) + 101);
    return 0;
}
}
