// The forked child's steps.
#include "process/exec_child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iterator>

#include "process/numbered.h"

namespace torchelastic::process {

namespace {

constexpr const char* kStepNames[] = {
    "start a session",
    "tie it to this process",
    "reset its signals",
    "open stdin",
    "open stdout file",
    "open stderr file",
    "close inherited descriptors",
    "limit its open files",
    "bind it to CPUs",
    "exec",
};
static_assert(std::size(kStepNames) == kSteps);
static_assert(static_cast<std::size_t>(Step::exec) + 1 == kSteps);

#ifdef SYS_close_range
constexpr long kCloseRange = SYS_close_range;
#else
constexpr long kCloseRange = 436;
#endif
constexpr unsigned kCloseOnExec = 1U << 2;  // CLOSE_RANGE_CLOEXEC
constexpr int kOutput = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND;

[[noreturn]] void fail(const ExecPlan& plan, Step step, int candidate = 0) {
    const Failure failure{step, errno, candidate};
    // A pipe takes so few bytes whole; a parent that is gone needs no report.
    [[maybe_unused]] const auto written = ::write(plan.report, &failure, sizeof failure);
    ::_exit(127);
}

/// Dies with the parent, and at once if it died before we could ask for that.
void tie_to_parent(const ExecPlan& plan) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail(plan, Step::bond);
    if (::getppid() != plan.parent) ::_exit(127);
}

void reset_signals(const ExecPlan& plan) {
    struct sigaction standard = {};
    standard.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal) {
        ::sigaction(signal, &standard, nullptr);  // SIGKILL, SIGSTOP and libc's own refuse
    }
    sigset_t none;
    ::sigemptyset(&none);
    if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) fail(plan, Step::signals);
}

void open_as(const ExecPlan& plan, Step step, const char* path, int flags, int target) {
    if (path == nullptr) return;
    // A pipe that somebody put there would have us wait for its reader, and the agent for us.
    const int fd = ::open(path, flags | O_NOCTTY | O_NONBLOCK, 0666);
    if (fd < 0 || ::fcntl(fd, F_SETFL, flags & O_APPEND) < 0) fail(plan, step);
    if (fd == target) return;
    if (::dup2(fd, target) < 0) fail(plan, step);
    ::close(fd);
}

void take_over(const ExecPlan& plan, Step step, int fd, int target) {
    if (fd >= 0 && ::dup2(fd, target) < 0) fail(plan, step);
}

void close_inherited(const ExecPlan& plan) {
    if (plan.use_close_range && ::syscall(kCloseRange, 3U, ~0U, kCloseOnExec) == 0) return;
    const int directory = ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) fail(plan, Step::descriptors);
    const bool all = each_numbered(directory, [](int fd) {
        if (fd > 2) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    });
    if (!all) fail(plan, Step::descriptors);
}

void limit_files(const ExecPlan& plan) {
    if (plan.open_files == nullptr) return;
    if (::setrlimit(RLIMIT_NOFILE, plan.open_files) != 0) fail(plan, Step::limits);
}

void bind_to_cpus(const ExecPlan& plan) {
    if (plan.cpus == nullptr) return;
    if (::sched_setaffinity(0, plan.cpus_size, plan.cpus) != 0) fail(plan, Step::cpus);
}

[[noreturn]] void exec_first(const ExecPlan& plan) {
    int denied = -1;
    for (int i = 0; plan.candidates[i] != nullptr; ++i) {
        ::execve(plan.candidates[i], plan.argv, plan.environment);
        if (errno == ENOEXEC) {
            plan.shell_argv[1] = plan.candidates[i];
            ::execve(plan.shell_argv[0], plan.shell_argv, plan.environment);
        }
        const bool missing = errno == ENOENT || errno == ENOTDIR || errno == ESTALE;
        if (errno == EACCES) denied = denied < 0 ? i : denied;
        if (!missing && errno != EACCES) fail(plan, Step::exec, i);
    }
    // As execvpe(3): a program that may not be run is better news than one that is nowhere.
    errno = denied >= 0 ? EACCES : ENOENT;
    fail(plan, Step::exec, denied >= 0 ? denied : 0);
}

}  // namespace

const char* name_of(Step step) {
    return kStepNames[static_cast<std::size_t>(step)];
}

[[noreturn]] void exec_child(const ExecPlan& plan) {
    tie_to_parent(plan);
    if (::setsid() < 0) fail(plan, Step::session);
    open_as(plan, Step::in, plan.in, O_RDONLY, 0);
    open_as(plan, Step::out, plan.out, kOutput, 1);
    open_as(plan, Step::err, plan.err, kOutput, 2);
    take_over(plan, Step::out, plan.out_descriptor, 1);
    take_over(plan, Step::err, plan.err_descriptor, 2);
    close_inherited(plan);
    limit_files(plan);
    bind_to_cpus(plan);
    reset_signals(plan);
    exec_first(plan);
}

}  // namespace torchelastic::process
