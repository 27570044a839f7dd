// pipe(2), read(2), epoll(7).
#include "process/worker_pipe.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace torchelastic::process {

namespace {

constexpr std::size_t kChunk = 64UL * 1024;  // what a pipe holds
constexpr auto kReadable = EPOLLIN | EPOLLONESHOT;

Error no_pipe() {
    const int code = errno;
    Error error = Error::from_errno("make a pipe", code);
    return code == EMFILE ? Error(error.text() + " (the limit is ulimit -n)") : error;
}

}  // namespace

Result<WorkerPipe::Ends> WorkerPipe::open(int epoll) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return failure(no_pipe());
    Fd read(ends[0]);
    Fd write(ends[1]);
    if (write.get() <= 2) {  // where the child puts other things
        write = Fd(::fcntl(ends[1], F_DUPFD_CLOEXEC, 3));
        if (!write) return failure(no_pipe());
    }
    ::fcntl(read.get(), F_SETFL, O_NONBLOCK);  // of this end alone
    const int fd = read.get();
    std::shared_ptr<WorkerPipe> ours(new WorkerPipe(std::move(read), epoll));
    epoll_event event = {};
    event.events = kReadable;
    event.data.ptr = ours.get();
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        return failure(Error::from_errno("watch a pipe"));
    }
    return Ends{std::move(ours), std::move(write)};
}

// A child that has not come to its exec yet has the descriptor, too: closing it is not enough.
WorkerPipe::~WorkerPipe() {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, pipe_.get(), nullptr);
}

void WorkerPipe::age() {
    if (!dirty_) dirty_ = aging_ = true;
}

bool WorkerPipe::advance(std::string& shown) {
    std::array<char, kChunk> chunk;
    const ssize_t got = ::read(pipe_.get(), chunk.data(), chunk.size());
    if (got > 0) {
        gate_.take({chunk.data(), static_cast<std::size_t>(got)}, shown);
        return true;
    }
    if (got < 0 && errno == EINTR) return true;
    if (got == 0 || errno != EAGAIN || finish_) {
        gate_.finish(shown);
        return false;
    }
    if (aging_) gate_.age(shown);
    rest();
    return true;
}

void WorkerPipe::rest() {
    dirty_ = aging_ = false;
    epoll_event event = {};
    event.events = kReadable;
    event.data.ptr = this;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, pipe_.get(), &event);
}

}  // namespace torchelastic::process
