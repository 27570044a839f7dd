// What tests of output share: consoles to show lines on, and a folder of files that are followed.
#pragma once

#include <sys/resource.h>

#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "process/output.h"
#include "process_fixture.h"

namespace torchelastic::process {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Shown = Output::Shown;

struct Pipe {
    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
        read = Fd(ends[0]);
        write = Fd(ends[1]);
    }
    Fd read;
    Fd write;
};

/// Reads a console to its end, on a thread of its own, as a terminal or a pipe's reader does.
class Screen {
public:
    explicit Screen(Fd fd) : thread_([this, fd = std::move(fd)] { read(fd.get()); }) {}
    ~Screen() {
        if (thread_.joinable()) thread_.join();
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    /// All that was shown, when all writers have closed.
    std::string text() {
        thread_.join();
        return text_;
    }

private:
    void read(int fd) {
        char bytes[65536];
        for (ssize_t got = 0; (got = ::read(fd, bytes, sizeof bytes)) > 0;) {
            text_.append(bytes, static_cast<std::size_t>(got));
        }
    }

    std::string text_;
    std::thread thread_;
};

struct Tee : World {
    std::string path(int rank) const { return scratch.file(std::to_string(rank)); }
    void append(int rank, std::string_view bytes) const {
        std::ofstream(path(rank), std::ios::binary | std::ios::app) << bytes;
    }
    void follow(int rank, Shown where = Shown::out) {
        append(rank, "");
        const auto followed = output->follow(path(rank), where, "[" + std::to_string(rank) + "]:");
        ASSERT_TRUE(followed) << followed.error().text();
    }
    bool finish(Duration limit = seconds(20)) {
        bool complete = false;
        output->finish(limit, [&](bool all) {
            complete = all;
            loop.stop();
        });
        run();
        return complete;
    }

    const Scratch scratch;
    std::optional<Output> output;
};

/// Lets this process open only so many more descriptors.
class FewDescriptors {
public:
    explicit FewDescriptors(rlim_t more) {
        const Fd next(::dup(0));
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const rlimit few{static_cast<rlim_t>(next.get()) + more, before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &few);
    }
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    FewDescriptors(const FewDescriptors&) = delete;
    FewDescriptors& operator=(const FewDescriptors&) = delete;

private:
    rlimit before_ = {};
};

}  // namespace torchelastic::process
