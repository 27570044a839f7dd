// dlopen.
#include "base/module.h"

#include <dlfcn.h>
#include <unistd.h>

#include <climits>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic {

std::vector<std::string> module_folders(const std::string& plugin_path,
                                        const std::string& program) {
    std::vector<std::string> folders;
    for (std::string& folder : split(plugin_path, ':')) {
        if (!folder.empty()) folders.push_back(std::move(folder));
    }
    const auto name = program.rfind('/');
    const auto folder =
        name == std::string::npos || name == 0 ? name : program.rfind('/', name - 1);
    if (folder != std::string::npos) {
        folders.push_back(program.substr(0, folder) + "/lib/torchelastic");
    }
    folders.emplace_back(TORCHELASTIC_MODULE_FOLDER);
    return folders;
}

std::string program_file() {
    char path[PATH_MAX] = "";
    const auto size = ::readlink("/proc/self/exe", path, sizeof path - 1);
    return size < 0 ? "" : std::string(path, static_cast<std::size_t>(size));
}

[[gnu::weak]] bool loads_modules() {
    return true;
}

Result<std::string> find_module(const std::string& file, const std::vector<std::string>& folders,
                                std::string_view origin) {
    if (!loads_modules()) {
        return failure(
            fmt::format("torchelastic-static, the agent of steps in containers, loads no modules "
                        "such as {} (to "
                        "meet by Slurm's step, c10d or static none is needed)",
                        file));
    }
    for (const std::string& folder : folders) {
        std::string path = fmt::format("{}/{}", folder, file);
        if (::access(path.c_str(), F_OK) == 0) return path;
    }
    return failure(
        fmt::format("there is no {} in {} (TORCHELASTIC_PLUGIN_PATH names other folders); {}", file,
                    join(folders, ", "), origin));
}

Result<void*> module_entry(const std::string& path, const char* entry) {
    const auto dl_failure = [&] {
        const char* words = ::dlerror();
        return failure(Error(printable(words ? words : "unknown error")).because("load " + path));
    };
    void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == nullptr) return dl_failure();
    void* symbol = ::dlsym(library, entry);
    if (symbol == nullptr) return dl_failure();
    return symbol;
}

Result<void> check_module_version(const std::string& path, std::uint32_t has,
                                  std::uint32_t wanted) {
    if (has == wanted) return {};
    return failure(fmt::format(
        "{} is of another release (it speaks version {}, this program {}): install both from one "
        "build",
        path, has, wanted));
}

}  // namespace torchelastic
