// pread(2) and inotify(7).
#include "process/follower.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace torchelastic::process {

Result<std::shared_ptr<Follower>> Follower::open(const std::string& path, LineAssembler lines) {
    Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!file) return failure(Error::from_errno("follow " + path));
    return std::shared_ptr<Follower>(new Follower(std::move(file), std::move(lines)));
}

bool Follower::advance(std::string& shown) {
    std::array<char, LineAssembler::kChunk> chunk;
    const auto want = lines_.next();
    const bool replaying = lines_.replaying();
    const ssize_t got =
        ::pread(file_.get(), chunk.data(), want.size, static_cast<off_t>(want.offset));
    lines_.take({chunk.data(), got > 0 ? static_cast<std::size_t>(got) : 0}, shown);
    if (got > 0 || replaying || was_emptied(shown)) {
        growing_ = true;
        return true;
    }
    if (!finish_) {
        rest();
        return true;
    }
    lines_.finish();
    dirty_ = lines_.replaying();
    return dirty_;
}

bool Follower::was_emptied(std::string& shown) {
    struct stat status = {};
    if (::fstat(file_.get(), &status) != 0) return false;
    if (static_cast<std::uint64_t>(status.st_size) >= lines_.scanned_to()) return false;
    lines_.restart(shown);
    return true;
}

/// Once on watch, the file is looked at again: what came before the watch makes no event.
void Follower::rest() {
    dirty_ = false;
    if (growing_ || watched() || inotify_ < 0) return;
    const std::string path = "/proc/self/fd/" + std::to_string(file_.get());
    watch_ = ::inotify_add_watch(inotify_, path.c_str(), IN_MODIFY | IN_ONESHOT);
    dirty_ = watched();
}

void Follower::wake() {
    dirty_ = true;
    growing_ = false;
}

void Follower::on_event(int watch) {
    if (watch >= 0 && watch != watch_) return;
    watch_ = -1;
    wake();
}

}  // namespace torchelastic::process
