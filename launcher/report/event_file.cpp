// Appending to a file.
#include "report/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace torchelastic::report {

namespace {

constexpr mode_t kMode = 0644;

}  // namespace

Result<EventFile> EventFile::open(std::string path) {
    Fd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
                 kMode));
    if (!fd && errno == ENXIO) {
        return failure("open the event log " + path + ": nobody reads this pipe");
    }
    if (!fd) return failure(Error::from_errno("open the event log " + path));
    return EventFile(std::move(path), std::move(fd));
}

Result<void> EventFile::append(std::string_view line) {
    std::string text = torn_ ? "\n" : "";
    text.append(line).append("\n");
    ssize_t written = 0;
    do {
        written = ::write(fd_.get(), text.data(), text.size());
    } while (written < 0 && errno == EINTR);
    if (written == static_cast<ssize_t>(text.size())) {
        torn_ = false;
        return {};
    }
    if (written < 0) return failure(Error::from_errno("write the event log " + path_));
    torn_ = true;
    return failure("write the event log " + path_ + ": there is room for a part of a line only");
}

}  // namespace torchelastic::report
