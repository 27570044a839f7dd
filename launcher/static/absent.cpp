// What a static program does without, in the words of the libraries that would use it: loading
// libraries, udev, and sources of host names other than files and DNS. It runs in containers whose
// C library is another, or none, and must never load a part of it.
#include <dlfcn.h>
#include <nss.h>

#include "base/module.h"

namespace torchelastic {

bool loads_modules() {
    return false;
}

}  // namespace torchelastic

extern "C" {

void* dlopen(const char*, int) {
    return nullptr;
}

void* dlsym(void*, const char*) {
    return nullptr;
}

int dlclose(void*) {
    return -1;
}

char* dlerror() {
    static char words[] = "the static agent loads no libraries";
    return words;
}

// hwloc asks udev for names of disks, and does without where there is none.
void* udev_new() {
    return nullptr;
}

void* udev_unref(void*) {
    return nullptr;
}

void* udev_device_new_from_subsystem_sysname(void*, const char*, const char*) {
    return nullptr;
}

void* udev_device_unref(void*) {
    return nullptr;
}

const char* udev_device_get_property_value(void*, const char*) {
    return nullptr;
}

}  // extern "C"

namespace {

/// glibc has these two built in; any other of the container's nsswitch.conf it would load.
[[gnu::constructor]] void resolve_without_plugins() {
    ::__nss_configure_lookup("hosts", "files dns");
}

}  // namespace
