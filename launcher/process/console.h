// Writing to the terminal, pipe, socket or file that we were given as stdout or stderr, without
// ever waiting for it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "net/loop.h"

namespace torchelastic::process {

/// A descriptor that others write to as well, so that O_NONBLOCK must not be set on it: the flag
/// belongs to the open file, which workers and the caller's shell share. Pipes and terminals are
/// opened again through /proc/self/fd, which makes an open file of our own; sockets are written
/// with MSG_DONTWAIT; plain files never make a writer wait for a reader. Where all that fails, it
/// is asked with poll(2) and handed what a pipe takes whole.
class Console {
public:
    Console(net::Loop& loop, int fd);

    /// What is to be written next, to be appended to by whoever has something to show. Lines that
    /// fit PIPE_BUF reach a pipe in one piece each: other writers do not get between their bytes.
    std::string& pending() { return pending_; }

    /// Writes what can be written. True if nothing is pending; else `writable` is called from the
    /// loop, once, when it is worth another try.
    bool flush(std::function<void()> writable);

    /// The reader is gone: what is written vanishes.
    bool closed() const { return closed_; }

    /// What is pending waits for room on a disk.
    bool full() const { return full_; }

    /// Bytes that were taken, ever.
    std::uint64_t taken() const { return taken_; }

    /// Nothing waits in a pipe for its reader, or it has none.
    bool is_read() const;

    /// A terminal, /dev/null, or nothing: nobody reads lines there that two writers could mix, or
    /// programs look whether it is one.
    bool is_device() const { return device_; }

    /// Both descriptors lead to the same place.
    static bool same(int a, int b);

private:
    enum class Kind { file, socket, own, shared };

    std::string_view next_piece() const;
    long write(std::string_view piece) const;
    void wait(bool for_room, std::function<void()> writable);

    net::Loop& loop_;
    int fd_;
    Fd own_;
    Kind kind_ = Kind::shared;
    bool in_pieces_ = true;  ///< others may write between two writes of ours
    bool device_ = true;
    bool closed_ = false;
    bool full_ = false;
    std::string pending_;
    std::size_t written_ = 0;  ///< of pending_
    std::uint64_t taken_ = 0;
    std::function<void()> writable_;
    int epoll_ = -1;  ///< room_'s
    std::optional<net::Readable> room_;
    net::Timer retry_;
};

}  // namespace torchelastic::process
