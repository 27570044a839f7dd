// Bounded writes to descriptors of every kind.
#include "process/console.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <utility>

namespace torchelastic::process {

namespace {

constexpr auto kRetry = std::chrono::milliseconds(100);

}  // namespace

Console::Console(net::Loop& loop, int fd) : loop_(loop), fd_(fd), retry_(loop) {
    struct stat status = {};
    const bool open = ::fstat(fd, &status) == 0;
    device_ = !open || S_ISCHR(status.st_mode);
    if (!open) {
        closed_ = true;
    } else if (S_ISREG(status.st_mode)) {
        kind_ = Kind::file;  // not opened again: the offset is in the open file that others share
        in_pieces_ = false;
    } else if (S_ISSOCK(status.st_mode)) {
        kind_ = Kind::socket;
    } else {
        const std::string path = "/proc/self/fd/" + std::to_string(fd);
        own_ = Fd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
        kind_ = own_ ? Kind::own : Kind::shared;  // a terminal of another user refuses
        in_pieces_ = !S_ISCHR(status.st_mode) || ::isatty(fd) == 1;  // /dev/null takes all
    }
}

bool Console::is_read() const {
    struct stat status = {};
    if (::fstat(fd_, &status) != 0 || !S_ISFIFO(status.st_mode)) return true;
    int waiting = 0;
    pollfd readers{fd_, 0, 0};
    return ::ioctl(fd_, FIONREAD, &waiting) != 0 || waiting == 0 ||
           (::poll(&readers, 1, 0) > 0 && (readers.revents & POLLERR) != 0);
}

bool Console::same(int a, int b) {
    struct stat first = {};
    struct stat second = {};
    if (::fstat(a, &first) != 0 || ::fstat(b, &second) != 0) return false;
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

std::string_view Console::next_piece() const {
    const std::string_view rest = std::string_view(pending_).substr(written_);
    if (!in_pieces_ || rest.size() <= PIPE_BUF) return rest;
    const auto newline = rest.substr(0, PIPE_BUF).rfind('\n');
    return rest.substr(0, newline == std::string_view::npos ? PIPE_BUF : newline + 1);
}

long Console::write(std::string_view piece) const {
    if (kind_ == Kind::socket) {
        return ::send(fd_, piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (kind_ == Kind::shared) {
        pollfd room{fd_, POLLOUT, 0};
        if (::poll(&room, 1, 0) == 0) {
            errno = EAGAIN;
            return -1;
        }
    }
    return ::write(own_ ? own_.get() : fd_, piece.data(), piece.size());
}

bool Console::flush(std::function<void()> writable) {
    while (!closed_ && written_ < pending_.size()) {
        const long written = write(next_piece());
        if (written >= 0) {
            written_ += static_cast<std::size_t>(written);
            taken_ += static_cast<std::uint64_t>(written);
        } else if (errno == EAGAIN || errno == ENOSPC || errno == EDQUOT) {
            full_ = errno != EAGAIN;
            wait(!full_, std::move(writable));
            return false;
        } else if (errno != EINTR) {
            closed_ = true;  // EPIPE, EIO of a terminal that hung up
        }
    }
    pending_.clear();
    written_ = 0;
    full_ = false;
    return true;
}

// The loop waits for readable descriptors only. An epoll instance is one: it is readable when what
// it watches is writable; one-shot, so that it is quiet while nobody waits.
void Console::wait(bool for_room, std::function<void()> writable) {
    writable_ = std::move(writable);
    const auto call = [this] {
        if (const auto handler = std::exchange(writable_, nullptr)) handler();
    };
    if (for_room && !room_) {
        Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
        epoll_ = epoll.get();
        epoll_event none = {};
        if (epoll && ::epoll_ctl(epoll_, EPOLL_CTL_ADD, own_ ? own_.get() : fd_, &none) == 0) {
            room_.emplace(loop_, std::move(epoll), [call](int fd) {
                epoll_event event = {};
                if (::epoll_wait(fd, &event, 1, 0) > 0) call();
            });
        }
    }
    epoll_event room = {};
    room.events = EPOLLOUT | EPOLLONESHOT;
    const int target = own_ ? own_.get() : fd_;
    if (for_room && room_ && ::epoll_ctl(epoll_, EPOLL_CTL_MOD, target, &room) == 0) return;
    retry_.arm(kRetry, call);
}

}  // namespace torchelastic::process
