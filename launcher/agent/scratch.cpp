// Naming and removing the temporary folder.
#include "agent/scratch.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include <fmt/format.h>

namespace torchelastic::agent {

namespace {

namespace fs = std::filesystem;

bool usable(const char* folder) {
    return ::access(folder, W_OK | X_OK) == 0;
}

/// Also what workers have locked: a folder of mode 0 is still its owner's.
void remove_tree(const fs::path& path) {
    std::error_code ignored;
    if (fs::is_directory(fs::symlink_status(path, ignored))) {
        fs::permissions(path, fs::perms::owner_all, fs::perm_options::add, ignored);
        for (fs::directory_iterator each(path, ignored), end; each != end; each.increment(ignored))
            remove_tree(each->path());
    }
    fs::remove(path, ignored);
}

/// The Slurm plugin knows by the name what is to go when nobody is left to remove it.
std::string unique_path(bool keep) {
    return fmt::format("{}/torchelastic_{}{}_{:08x}", temporary_folder(), keep ? "" : "scratch_",
                       ::getpid(), std::random_device()());
}

}  // namespace

bool keeps_logs(const options::Options& options) {
    const bool events = options.event_log == options::EventLog{options::EventLog::To::file, ""};
    return options.log_dir || options.redirects != options::StreamMap{} ||
           options.tee != options::StreamMap{} || events;
}

// As Python's tempfile: a TMPDIR that came along from the login node need not exist here.
std::string temporary_folder() {
    for (const char* name : {"TMPDIR", "TEMP", "TMP"}) {
        const char* value = std::getenv(name);
        if (value != nullptr && usable(value)) return value;
    }
    return usable("/tmp") ? "/tmp" : "/var/tmp";
}

Scratch::Scratch(const options::Options& options)
    : keep_(keeps_logs(options)),
      temporary_(!options.log_dir),
      path_(options.log_dir ? *options.log_dir : unique_path(keep_)) {}

void Scratch::make() const {
    if (temporary_) ::mkdir(path_.c_str(), 0700);
}

Scratch::~Scratch() {
    if (!keep_) remove_tree(path_);
}

}  // namespace torchelastic::agent
