// Making and removing log folders.
#include "agent/logs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include <fmt/format.h>

#include "base/fd.h"
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

std::string Logs::folder(int round) const {
    return root_.empty() ? "" : root_ + "/attempt_" + std::to_string(round);
}

std::string Logs::folder(int round, int local_rank) const {
    return root_.empty() ? "" : folder(round) + "/" + std::to_string(local_rank);
}

/// Where others may write, too, a name that we once had may be theirs by now.
Result<void> Logs::restore() const {
    for (const std::string& path : {fs::path(root_).parent_path().string(), root_}) {
        struct stat status = {};
        if (::mkdir(path.c_str(), 0700) == 0) continue;
        if (errno != EEXIST) return failure(Error::from_errno("make the log folder " + path));
        const bool found = ::lstat(path.c_str(), &status) == 0;
        const bool ours = found && status.st_uid == ::geteuid() && S_ISDIR(status.st_mode);
        if (path == root_ && !ours) {
            return failure(Error::from_errno("make the log folder " + path, EEXIST));
        }
    }
    return {};
}

/// One call for each: a log folder on NFS answers each in milliseconds, while the loop waits.
Result<void> Logs::make_folders(int round, int workers) const {
    if (root_.empty()) return {};
    for (int rank = -1; rank < workers; ++rank) {
        const std::string path = rank < 0 ? folder(round) : folder(round, rank);
        if (::mkdir(path.c_str(), 0777) == 0 || errno == EEXIST) continue;
        if (errno == ENOENT && rank < 0) {
            auto restored = restore();
            if (!restored) return restored;
            if (::mkdir(path.c_str(), 0777) == 0) continue;
        }
        return failure(Error::from_errno("make the log folder " + path));
    }
    return {};
}

void Logs::forget(int round) const {
    std::error_code ignored;
    if (!root_.empty()) fs::remove_all(folder(round), ignored);
}

Result<void> Logs::room() const {
    struct statvfs status = {};
    if (root_.empty() || ::statvfs(root_.c_str(), &status) != 0) return {};
    const auto blocks = ::geteuid() == 0 ? status.f_bfree : status.f_bavail;
    if (blocks > 0 || status.f_blocks == 0) return {};
    return failure(Error::from_errno("write to the log folder " + root_, ENOSPC));
}

Result<void> Logs::try_writing() const {
    if (root_.empty()) return {};
    const auto failed = [this] {
        return failure(Error::from_errno("write to the log folder " + root_));
    };
    std::string path = root_ + "/room_XXXXXX";
    Fd file(::mkostemp(path.data(), O_CLOEXEC));
    if (!file) return failed();
    ::unlink(path.c_str());
    const std::array<char, 4096> block{};
    if (::write(file.get(), block.data(), block.size()) < 0) return failed();
    if (::close(file.release()) != 0) return failed();  // where NFS says it
    return {};
}

}  // namespace torchelastic::agent
