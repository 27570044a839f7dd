// Step by step from one open folder to the next: no path of more than one name is ever looked up.
#include "spank/sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

namespace torchelastic::door {

namespace {

using Folder = std::unique_ptr<DIR, int (*)(DIR*)>;

/// Null, with `file` closed, if it is no folder.
Folder open_folder(int file) {
    DIR* folder = file < 0 ? nullptr : fdopendir(file);
    if (folder == nullptr && file >= 0) close(file);
    return {folder, &closedir};
}

/// All at once: what is removed between two calls of readdir may hide others.
std::vector<std::string> names_in(DIR* folder, std::string_view prefix) {
    std::vector<std::string> names;
    while (const dirent* entry = readdir(folder)) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != ".." && name.starts_with(prefix)) names.emplace_back(name);
    }
    return names;
}

void remove_from(DIR* folder, std::string_view prefix, int levels) {
    for (const std::string& name : names_in(folder, prefix)) {
        const int at = dirfd(folder);
        if (unlinkat(at, name.c_str(), 0) == 0 || errno != EISDIR || levels == 0) continue;
        fchmodat(at, name.c_str(), S_IRWXU, 0);  // workers may have locked it
        const Folder inner =
            open_folder(openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (inner) remove_from(inner.get(), "", levels - 1);
        unlinkat(at, name.c_str(), AT_REMOVEDIR);
    }
}

}  // namespace

void sweep(const std::string& place, std::string_view prefix) {
    if (!place.starts_with('/')) return;
    const Folder folder =
        open_folder(open(place.c_str(), O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC));
    if (folder) remove_from(folder.get(), prefix, kDeepest);
}

}  // namespace torchelastic::door
