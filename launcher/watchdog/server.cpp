// The pipe, the clock and the kill.
#include "watchdog/server.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/signal_name.h"
#include "base/text.h"

namespace torchelastic::watchdog {

namespace {

constexpr mode_t kOnlyOurs = 0600;

/// What one turn of the loop reads at most: whoever writes without end shall not stop the agent.
constexpr std::size_t kPiece = 64UL * 1024;

constexpr std::size_t kShown = 200;

std::string attempt(const std::string& path) {
    return "make the watchdog's pipe " + path;
}

/// Makes room at `path`, if what is there is a pipe that nobody reads from.
Result<void> clear(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return {};
    if (!S_ISFIFO(status.st_mode)) return failure(attempt(path) + ": a file of that name exists");
    const Fd reader(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    if (reader) {
        return failure(attempt(path) + ": another watchdog of this machine has it");
    }
    if (::unlink(path.c_str()) == 0) return {};
    return failure(Error::from_errno(attempt(path)));
}

}  // namespace

Result<std::unique_ptr<Server>> Server::open(net::Loop& loop, std::string path, Handlers handlers) {
    if (auto cleared = clear(path); !cleared) return failure(std::move(cleared).error());
    if (::mkfifo(path.c_str(), kOnlyOurs) != 0) return failure(Error::from_errno(attempt(path)));
    // Opened for writing as well: a pipe whose last writer has closed would be readable for ever.
    Fd pipe(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!pipe || ::fstat(pipe.get(), &status) != 0) {
        auto error = Error::from_errno(attempt(path));
        ::unlink(path.c_str());
        return failure(std::move(error));
    }
    std::unique_ptr<Server> server(
        new Server(loop, std::move(path), status.st_ino, std::move(handlers)));
    server->pipe_.emplace(loop, std::move(pipe), [self = server.get()](int fd) { self->read(fd); });
    return server;
}

Server::Server(net::Loop& loop, std::string path, ino_t inode, Handlers handlers)
    : timer_(loop), path_(std::move(path)), inode_(inode), handlers_(std::move(handlers)) {}

Server::~Server() {
    struct stat status {};
    if (::lstat(path_.c_str(), &status) == 0 && status.st_ino == inode_) ::unlink(path_.c_str());
}

std::optional<std::string> Server::bury(pid_t pid) {
    timers_.forget(pid);
    const auto found = killed_.extract(pid);
    if (found.empty()) return std::nullopt;
    return found.mapped();
}

void Server::read(int pipe) {
    std::vector<char> bytes(kPiece);
    const auto got = ::read(pipe, bytes.data(), bytes.size());
    if (got <= 0) return;
    for (const std::string& line : lines_.take({bytes.data(), static_cast<std::size_t>(got)}))
        take(line);
    if (lines_.skipped() > 0) {
        warn_once(warned_of_nonsense_,
                  "watchdog: skips a line that is longer than a timer's request can be");
    }
    expire();
}

void Server::take(const std::string& line) {
    const auto request = parse_request(line);
    if (!request) return warn_once(warned_of_nonsense_, "watchdog: " + request.error().text());
    const auto process = process::look_at(request->pid);
    if (!process) return timers_.forget(request->pid);
    if (timers_.take(*request, process->start_time, moment())) return;
    warn_once(warned_of_number_,
              fmt::format("watchdog: {} timers are set already; takes no more", timers_.size()));
}

void Server::expire() {
    const auto expired = timers_.expire(moment().instant);
    if (!expired.empty()) {
        const auto below = process::descendants(::getpid());
        for (const Expired& each : expired) {
            const process::Process* found = nullptr;
            if (below) {
                const auto at = std::find_if(
                    below->begin(), below->end(), [&](const process::Process& process) {
                        return process.pid == each.pid && process.start_time == each.born;
                    });
                if (at != below->end()) found = &*at;
            }
            end(each, found);
        }
    }
    const auto next = timers_.next();
    if (!next) return timer_.cancel();
    timer_.arm(std::max(*next - moment().instant, Duration::zero()), [this] { expire(); });
}

void Server::end(const Expired& timer, const process::Process* process) {
    const std::string scope = printable(timer.scope, kShown);
    Happening happening{timer, false,
                        fmt::format("watchdog: timer {} of pid {} expired: ", scope, timer.pid)};
    if (process == nullptr) {
        happening.words += "no process of this job; it is left alone";
    } else if (timer.signal == 0) {
        happening.words += "it asked for no signal; it is left alone";
    } else {
        happening.killed = true;
        happening.words += "sends " + signal_name(timer.signal);
        killed_[timer.pid] =
            fmt::format("timer {} expired: the watchdog sent {}", scope, signal_name(timer.signal));
        process::signal_process(*process, timer.signal);
    }
    handlers_.warn(happening.words);
    handlers_.happened(happening);
}

/// A worker that writes nonsense may write much of it.
void Server::warn_once(bool& warned, const std::string& line) const {
    if (!std::exchange(warned, true)) handlers_.warn(line);
}

}  // namespace torchelastic::watchdog
