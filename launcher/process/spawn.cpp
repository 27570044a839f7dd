// The parent's half: everything is laid out before the fork, and the child's report awaited after.
#include "process/spawn.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>

#include "base/fd.h"
#include "base/text.h"
#include "process/exec_child.h"

namespace torchelastic::process {

namespace {

std::string_view path_of(const std::vector<std::string>& environment) {
    for (const std::string& entry : environment) {
        if (entry.starts_with("PATH=")) return std::string_view(entry).substr(5);
    }
    return "/bin:/usr/bin";  // as execvpe(3) without a PATH
}

std::vector<std::string> candidates_for(const Command& command) {
    const std::string& name = command.argv[0];
    if (name.empty() || name.find('/') != std::string::npos) return {name};
    std::vector<std::string> candidates;
    for (const std::string& directory : split(path_of(command.environment), ':')) {
        std::string& candidate = candidates.emplace_back(directory);
        if (!directory.empty()) candidate += '/';
        candidate += name;
    }
    return candidates;
}

/// The array of pointers that exec wants; valid as long as `texts`.
std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (const std::string& text : texts) {
        pointers.push_back(const_cast<char*>(text.c_str()));
    }
    pointers.push_back(nullptr);
    return pointers;
}

const char* file_of(const Stream& stream) {
    if (stream.to == Stream::To::null) return "/dev/null";
    return stream.to == Stream::To::file ? stream.path.c_str() : nullptr;
}

/// As sched_setaffinity(2) wants it; it stands for bits in longs.
std::vector<unsigned long> mask_of(const Cpus& cpus) {
    std::vector<unsigned long> mask;
    if (cpus.empty()) return mask;
    mask.resize(CPU_ALLOC_SIZE(cpus.back() + 1) / sizeof(unsigned long));
    for (const int cpu : cpus) {
        CPU_SET_S(static_cast<std::size_t>(cpu), mask.size() * sizeof(unsigned long),
                  reinterpret_cast<cpu_set_t*>(mask.data()));
    }
    return mask;
}

/// Keeps handlers of ours from running in the child, which still has them.
class AllSignalsBlocked {
public:
    AllSignalsBlocked() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    AllSignalsBlocked(const AllSignalsBlocked&) = delete;
    AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

private:
    sigset_t before_ = {};
};

struct Pipe {
    Fd read;
    Fd write;
};

/// What failed, and where the limit is, if that is why.
Error from_errno_or_limit(std::string_view attempt, int at_limit, std::string_view limit) {
    const int code = errno;
    Error error = Error::from_errno(attempt, code);
    return code == at_limit ? Error(error.text() + " (" + std::string(limit) + ")") : error;
}

/// The writing end stands above 2, where the child puts other things.
Result<Pipe> report_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        return failure(from_errno_or_limit("make a pipe", EMFILE, "the limit is ulimit -n"));
    }
    Pipe pipe{Fd(ends[0]), Fd(ends[1])};
    if (pipe.write.get() > 2) return pipe;
    pipe.write = Fd(::fcntl(ends[1], F_DUPFD_CLOEXEC, 3));
    if (!pipe.write) return failure(Error::from_errno("duplicate a pipe"));
    return pipe;
}

/// What went wrong, and with what.
Error explain(const Failure& report, const Command& command, const Stdio& stdio,
              const std::vector<std::string>& candidates) {
    std::string attempt = name_of(report.step);
    if (report.step == Step::out) attempt += " " + stdio.out.path;
    if (report.step == Step::err) attempt += " " + stdio.err.path;
    if (report.step == Step::cpus) attempt += " " + cpu_list(command.cpus);
    if (report.step != Step::exec) return Error::from_errno(attempt, report.error);
    if (report.error == ENOENT && candidates.size() > 1) {
        return Error("no such program in PATH (" + printable(path_of(command.environment), 512) +
                     ")")
            .because(attempt + " " + printable(command.argv[0], 512));
    }
    const std::string& path = candidates[static_cast<std::size_t>(report.candidate)];
    attempt += " " + printable(path, 512);
    if (report.error == ENOENT && ::access(path.c_str(), F_OK) == 0) {
        return Error("it is there, but the interpreter or loader that it names is not")
            .because(attempt);
    }
    return Error::from_errno(attempt, report.error);
}

std::string attempt(const Command& command) {
    return "start " + printable(command.argv[0], 512);
}

}  // namespace

Starting::~Starting() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

Result<pid_t> Starting::await(const Command& command, const Stdio& stdio) && {
    Failure failed;
    ssize_t got = 0;
    do {
        got = ::read(report_.get(), &failed, sizeof failed);
    } while (got < 0 && errno == EINTR);
    const pid_t pid = std::exchange(pid_, 0);
    if (got != static_cast<ssize_t>(sizeof failed)) return pid;  // closed by the exec
    ::waitpid(pid, nullptr, 0);
    return failure(
        explain(failed, command, stdio, candidates_for(command)).because(attempt(command)));
}

// Plain fork: the agent is small, posix_spawn cannot set PDEATHSIG, and a pid needs no CLONE_PIDFD
// to be pinned as long as only its parent, who has not reaped it yet, opens the pidfd.
Result<Starting> fork_for(const Command& command, const Stdio& stdio) {
    if (command.argv.empty()) return failure("start a program: its command is empty");
    const std::vector<std::string> candidates = candidates_for(command);
    const std::vector<char*> candidate_pointers = pointers(candidates);
    const std::vector<char*> argv = pointers(command.argv);
    const std::vector<char*> environment = pointers(command.environment);
    std::string shell = "/bin/sh";
    std::vector<char*> shell_argv = argv;
    shell_argv.insert(shell_argv.begin(), shell.data());

    const std::vector<unsigned long> cpus = mask_of(command.cpus);

    auto pipe = report_pipe();
    if (!pipe) return failure(std::move(pipe).error().because(attempt(command)));
    ExecPlan plan;
    plan.parent = ::getpid();
    plan.report = pipe->write.get();
    plan.in = stdio.in == Stdio::In::null ? "/dev/null" : nullptr;
    plan.out = file_of(stdio.out);
    plan.err = file_of(stdio.err);
    plan.out_descriptor = stdio.out.descriptor;
    plan.err_descriptor = stdio.err.descriptor;
    plan.candidates = candidate_pointers.data();
    plan.argv = argv.data();
    plan.shell_argv = shell_argv.data();
    plan.environment = environment.data();
    plan.open_files = command.open_files ? &*command.open_files : nullptr;
    if (!cpus.empty()) plan.cpus = reinterpret_cast<const cpu_set_t*>(cpus.data());
    plan.cpus_size = cpus.size() * sizeof(unsigned long);

    pid_t pid = -1;
    {
        const AllSignalsBlocked blocked;
        pid = ::fork();
        if (pid == 0) exec_child(plan);
    }
    if (pid < 0) {
        return failure(
            from_errno_or_limit("fork", EAGAIN, "the limit is ulimit -u or the cgroup's pids.max")
                .because(attempt(command)));
    }
    return Starting(pid, std::move(pipe->read));
}

Result<pid_t> spawn(const Command& command, const Stdio& stdio) {
    auto starting = fork_for(command, stdio);
    if (!starting) return failure(std::move(starting).error());
    return std::move(*starting).await(command, stdio);
}

}  // namespace torchelastic::process
