// Walks the numbered entries of directories such as /proc and /proc/self/fd, from anywhere: a
// forked child and a signal handler may not allocate, as opendir(3) does.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace torchelastic::process {

/// The number that a name is, or -1.
inline int number_of(const char* name) {
    int number = 0;
    for (; *name != '\0'; ++name) {
        if (*name < '0' || *name > '9' || number > 200'000'000) return -1;
        number = number * 10 + (*name - '0');
    }
    return number;
}

/// Calls visit(number) for each entry of an open directory whose name is a number. False if the
/// directory cannot be read. Async-signal-safe if `visit` is.
template <class Visit>
bool each_numbered(int directory, Visit visit) {
    constexpr std::size_t name_at = 19;  // of linux_dirent64: inode, offset, length, type, name
    alignas(8) char buffer[8192];
    for (;;) {
        const long got = ::syscall(SYS_getdents64, directory, buffer, sizeof buffer);
        if (got < 0) return false;
        if (got == 0) return true;
        for (long at = 0; at < got;) {
            std::uint16_t length = 0;
            std::memcpy(&length, buffer + at + 16, sizeof length);
            const char* name = buffer + at + name_at;
            if (const int number = number_of(name); number >= 0 && *name != '\0') visit(number);
            at += length;
        }
    }
}

/// Reads a small file whole, into a buffer that is longer; -1 if it cannot be read.
inline long read_small(int directory, const char* path, char* buffer, std::size_t size) {
    const int fd = ::openat(directory, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    long length = 0;
    for (;;) {
        const long got = ::read(fd, buffer + length, size - static_cast<std::size_t>(length));
        if (got <= 0) break;
        length += got;
    }
    ::close(fd);
    return length;
}

}  // namespace torchelastic::process
