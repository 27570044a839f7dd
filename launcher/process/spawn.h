// Starting one program in a session of its own, bound to the life of this process.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cpus.h"
#include "base/fd.h"
#include "base/result.h"

namespace torchelastic::process {

/// What to run. Bytes are passed on as they are; nothing of this process' environment is added.
struct Command {
    /// argv[0] is looked up in the PATH of `environment`, as execvpe(3) does, if it has no slash.
    std::vector<std::string> argv;
    std::vector<std::string> environment;  ///< "NAME=value"
    /// RLIMIT_NOFILE; ours if there is none. An agent that raises its own must not hand that on: a
    /// program may still use select(2), or close all descriptors that it could have.
    std::optional<rlimit> open_files;
    Cpus cpus;  ///< that it may run on; ours if there are none
};

/// Where one output stream of the program goes.
struct Stream {
    enum class To { inherit, null, file, descriptor };

    To to = To::inherit;
    std::string path;     ///< of the file: created, emptied and appended to
    int descriptor = -1;  ///< above 2, of ours

    static Stream null() { return {To::null, {}, -1}; }
    static Stream file(std::string path) { return {To::file, std::move(path), -1}; }
    static Stream open(int descriptor) { return {To::descriptor, {}, descriptor}; }

    bool operator==(const Stream&) const = default;
};

struct Stdio {
    enum class In { inherit, null };

    In in = In::inherit;
    Stream out;
    Stream err;
};

/// A forked process on its way to be another program. Destroying it kills it.
class Starting {
public:
    Starting(pid_t pid, Fd report) : pid_(pid), report_(std::move(report)) {}
    ~Starting();
    Starting(Starting&& other) noexcept
        : pid_(std::exchange(other.pid_, 0)), report_(std::move(other.report_)) {}
    Starting& operator=(Starting&&) = delete;

    /// Waits until the program runs: its pid, or why it does not, with the step that failed:
    /// "start python9: exec /opt/bin/python9: no such file or directory". The caller owes the pid
    /// a waitid(2). `command` and `stdio` are those it was forked for.
    Result<pid_t> await(const Command& command, const Stdio& stdio) &&;

private:
    pid_t pid_;
    Fd report_;
};

/// Forks a process that executes a command.
///
/// The program leads a session and a process group of its own, has default signal actions, an
/// empty signal mask, no descriptors but 0, 1 and 2, and is killed when this process dies. To be
/// called from the main thread only: the kernel kills it when the *thread* that forked it dies.
Result<Starting> fork_for(const Command& command, const Stdio& stdio);

/// Both at once.
Result<pid_t> spawn(const Command& command, const Stdio& stdio);

}  // namespace torchelastic::process
