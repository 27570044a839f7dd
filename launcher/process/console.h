// Writing to the terminal, pipe, socket or file that we were given as stdout or stderr, without
// ever waiting for it.
#pragma once

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

    /// Appends to what is to be written, which belongs in one piece: other writers of a pipe do not
    /// get between the bytes of a line that ends within PIPE_BUF.
    void add(std::string_view bytes) { pending_ += bytes; }

    /// To be filled by whoever has something to show; written by flush().
    std::string& pending() { return pending_; }

    /// Writes what it takes. True if nothing is pending; else `writable` is called, once, when it
    /// is worth another try.
    bool flush(std::function<void()> writable);

    /// The reader is gone: whatever is written vanishes.
    bool closed() const { return closed_; }

    /// Both descriptors lead to the same place.
    static bool same(int a, int b);

private:
    enum class Kind { file, socket, own, shared };

    long write_some(std::string_view bytes);
    void wait(std::function<void()> writable);
    std::size_t piece() const;

    net::Loop& loop_;
    int fd_;
    Fd own_;
    Kind kind_ = Kind::shared;
    bool closed_ = false;
    std::string pending_;
    std::size_t written_ = 0;
    Fd poll_;
    std::optional<net::Readable> room_;
    net::Timer retry_;
    std::function<void()> writable_;
};

}  // namespace torchelastic::process
