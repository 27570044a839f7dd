// Making and removing log folders.
#include "agent/logs.h"

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <random>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::agent {

namespace {

namespace fs = std::filesystem;

Result<std::string> make_unique_folder(std::string path) {
    path += "_XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
        return failure(Error::from_errno("make a log folder " + path));
    }
    return path;
}

/// A run id may hold anything; a folder's name may not.
std::string file_name(const std::string& text) {
    std::string name = printable(text, 128);
    for (char& each : name) {
        if (each == '/' || each == '\\' || each == ' ') each = '_';
    }
    return name.starts_with('.') ? "_" + name : name;
}

}  // namespace

Result<Logs> Logs::open(const std::string& base, const std::string& run_name) {
    if (base == "/dev/null") return none();
    std::error_code error;
    fs::create_directories(base, error);
    if (error || !fs::is_directory(base, error)) {
        const int code = error ? error.value() : ENOTDIR;
        return failure(Error::from_errno("make the log folder " + base, code));
    }
    // Workers may change their directory: what they are told must not depend on it.
    const std::string parent = fs::absolute(base, error).string();
    auto root = make_unique_folder(parent + "/" + file_name(run_name));
    if (!root) return failure(std::move(root).error());
    return Logs(std::move(*root));
}

std::string scratch_folder() {
    // As Python's tempfile: a TMPDIR that came along from the login node need not exist here.
    std::string parent = "/tmp";
    for (const char* name : {"TMPDIR", "TEMP", "TMP"}) {
        const char* value = std::getenv(name);
        if (value == nullptr || ::access(value, W_OK | X_OK) != 0) continue;
        parent = value;
        break;
    }
    if (::access(parent.c_str(), W_OK | X_OK) != 0) parent = "/var/tmp";
    return fmt::format("{}/torchelastic_{}_{:08x}", parent, ::getpid(), std::random_device()());
}

Result<std::string> Logs::folder(int round, int local_rank) const {
    if (root_.empty()) return std::string();
    const std::string path =
        root_ + "/attempt_" + std::to_string(round) + "/" + std::to_string(local_rank);
    std::error_code error;
    fs::create_directories(path, error);
    if (error) return failure(Error::from_errno("make the log folder " + path, error.value()));
    return path;
}

}  // namespace torchelastic::agent
