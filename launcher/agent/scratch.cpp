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

bool usable(const char* folder) {
    return ::access(folder, W_OK | X_OK) == 0;
}

std::string unique_path() {
    return fmt::format("{}/torchelastic_{}_{:08x}", temporary_folder(), ::getpid(),
                       std::random_device()());
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
      path_(options.log_dir ? *options.log_dir : unique_path()) {}

void Scratch::make() const {
    if (temporary_) ::mkdir(path_.c_str(), 0700);
}

Scratch::~Scratch() {
    std::error_code ignored;
    if (!keep_) std::filesystem::remove_all(path_, ignored);
}

}  // namespace torchelastic::agent
