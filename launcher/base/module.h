// Modules: libraries that few sites need and that must cost nothing where they are not asked for,
// loaded while the program runs.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace torchelastic {

/// Where modules are looked for, in this order: the folders of `plugin_path` (separated by ':'),
/// ../lib/torchelastic beside the program's own folder, and where they are installed. Pure.
std::vector<std::string> module_folders(const std::string& plugin_path, const std::string& program);

/// The file of the running program, which may have been moved since it was built; "" if unknown.
std::string program_file();

/// Not so in the static program, which says so by a definition of its own: what it loaded would
/// bring another C library along.
bool loads_modules();

/// The first of `folders` that has it. `origin` ends the error: "it is built where ... are".
Result<std::string> find_module(const std::string& file, const std::vector<std::string>& folders,
                                std::string_view origin);

/// The address of a module's one function. It stays loaded until the process ends: what it brought
/// along may have left threads and handlers behind.
Result<void*> module_entry(const std::string& path, const char* entry);

/// That a module and this program were not built apart.
Result<void> check_module_version(const std::string& path, std::uint32_t has, std::uint32_t wanted);

/// What a module's one function, `const Module* entry()`, returns; `Module` begins with its
/// version.
template <class Module>
Result<const Module*> load_module(const std::string& path, const char* entry,
                                  std::uint32_t version) {
    const auto symbol = module_entry(path, entry);
    if (!symbol) return failure(symbol.error());
    const Module* (*function)() = nullptr;
    static_assert(sizeof function == sizeof *symbol);
    std::memcpy(&function, &*symbol, sizeof function);
    const Module* module = function();
    if (auto same = check_module_version(path, module->version, version); !same) {
        return failure(same.error());
    }
    return module;
}

}  // namespace torchelastic
