// The child's half of spawn(): what a forked process does until it is another program. Calls
// nothing but async-signal-safe functions, since other threads' locks were copied as they stood.
#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>

namespace torchelastic::process {

enum class Step { session, bond, signals, in, out, err, descriptors, limits, cpus, exec };
inline constexpr std::size_t kSteps = 10;

/// As in "start train.py: <step> <object>: <errno>".
const char* name_of(Step step);

/// Everything the child needs, made before the fork.
struct ExecPlan {
    pid_t parent = 0;
    int report = -1;           ///< close-on-exec, above 2: gets one Failure, or closes
    const char* in = nullptr;  ///< file to open, or nullptr: inherited
    const char* out = nullptr;
    const char* err = nullptr;
    int out_descriptor = -1;  ///< above 2: to be stdout, where there is no file; -1: inherited
    int err_descriptor = -1;
    char* const* candidates = nullptr;  ///< paths to execute, first that can be; ends with nullptr
    char* const* argv = nullptr;
    char** shell_argv = nullptr;  ///< {"/bin/sh", <candidate>, argv[1]...}: a script without "#!"
    char* const* environment = nullptr;
    const rlimit* open_files = nullptr;  ///< RLIMIT_NOFILE, or nullptr: inherited
    const cpu_set_t* cpus = nullptr;     ///< sched_setaffinity, or nullptr: inherited
    std::size_t cpus_size = 0;           ///< in bytes
    bool use_close_range = true;         ///< false: as on kernels before 5.11
};

/// What the child reports when it could not become the program.
struct Failure {
    Step step = Step::session;
    int error = 0;
    int candidate = 0;
};

/// To be called in the child, with all signals blocked.
[[noreturn]] void exec_child(const ExecPlan& plan);

}  // namespace torchelastic::process
