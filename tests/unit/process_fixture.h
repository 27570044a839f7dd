// What tests of real processes share: a loop with a deadline, shells to run, and pipes through
// which these say that they are ready.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/fd.h"
#include "net/loop.h"
#include "process/reaper.h"
#include "process/spawn.h"

namespace torchelastic::process {

/// A directory that vanishes with the test.
class Scratch {
public:
    Scratch() {
        std::string name = (std::filesystem::temp_directory_path() / "process-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Scratch() { std::filesystem::remove_all(path_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    std::string file(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

inline std::string read_file(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

/// Reads a descriptor line by line, waiting up to ten seconds for each.
class LineReader {
public:
    explicit LineReader(Fd fd) : fd_(std::move(fd)) {}

    std::string line() {
        std::string text;
        for (char byte = 0; byte != '\n';) {
            pollfd ready{fd_.get(), POLLIN, 0};
            if (::poll(&ready, 1, 10'000) <= 0) return text + "<timeout>";
            const auto got = ::read(fd_.get(), &byte, 1);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0) return text + "<end>";
            if (byte != '\n') text += byte;
        }
        return text;
    }
    pid_t pid() { return static_cast<pid_t>(std::atol(line().c_str())); }

private:
    Fd fd_;
};

/// A named pipe: what a program writes to it as its stdout, the test reads.
class Ready {
public:
    Ready() : path_(scratch_.file("ready")), reader_(open()) {}

    Stdio stdio() const { return {Stdio::In::null, Stream::file(path_), {}}; }
    std::string line() { return reader_.line(); }
    pid_t pid() { return reader_.pid(); }

private:
    Fd open() {
        ::mkfifo(path_.c_str(), 0600);
        Fd fd(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        keep_ = Fd(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));  // no end between two writers
        return fd;
    }

    Scratch scratch_;
    std::string path_;
    Fd keep_;
    LineReader reader_;
};

inline Command shell(const std::string& script, std::vector<std::string> environment = {}) {
    environment.push_back("PATH=/usr/local/bin:/usr/bin:/bin");
    return {{"/bin/sh", "-c", script}, environment};
}

/// Neither alive nor a zombie.
inline bool gone(pid_t pid) {
    return pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
}

/// A loop and a reaper.
struct World {
    explicit World(Notice notice = Notice::best) : reaper(*Reaper::open(loop, notice)) {}

    /// Until a handler calls loop.stop(); a test that hangs fails.
    void run() {
        bool late = false;
        net::Timer deadline(loop);
        deadline.arm(std::chrono::seconds(30), [&] {
            late = true;
            loop.stop();
        });
        loop.run();
        EXPECT_FALSE(late) << "nothing happened for 30 s";
    }

    net::Loop loop;
    std::unique_ptr<Reaper> reaper;
};

}  // namespace torchelastic::process
