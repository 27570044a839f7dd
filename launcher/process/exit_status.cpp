// Words for the ends of processes, and the names of signals.
#include "process/exit_status.h"

#include <sys/wait.h>

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace torchelastic::process {

namespace {

struct Name {
    int number;
    std::string_view name;
};

// sigabbrev_np needs glibc 2.32. Where a number has two names, Python's comes first.
constexpr Name kNames[] = {
    {SIGHUP, "SIGHUP"},       {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"},     {SIGILL, "SIGILL"},
    {SIGTRAP, "SIGTRAP"},     {SIGABRT, "SIGABRT"}, {SIGABRT, "SIGIOT"},      {SIGBUS, "SIGBUS"},
    {SIGFPE, "SIGFPE"},       {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"},     {SIGSEGV, "SIGSEGV"},
    {SIGUSR2, "SIGUSR2"},     {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"},     {SIGTERM, "SIGTERM"},
    {SIGCHLD, "SIGCHLD"},     {SIGCHLD, "SIGCLD"},  {SIGCONT, "SIGCONT"},     {SIGSTOP, "SIGSTOP"},
    {SIGTSTP, "SIGTSTP"},     {SIGTTIN, "SIGTTIN"}, {SIGTTOU, "SIGTTOU"},     {SIGURG, "SIGURG"},
    {SIGXCPU, "SIGXCPU"},     {SIGXFSZ, "SIGXFSZ"}, {SIGVTALRM, "SIGVTALRM"}, {SIGPROF, "SIGPROF"},
    {SIGWINCH, "SIGWINCH"},   {SIGIO, "SIGIO"},     {SIGIO, "SIGPOLL"},       {SIGPWR, "SIGPWR"},
    {SIGSYS, "SIGSYS"},
#ifdef SIGSTKFLT
    {SIGSTKFLT, "SIGSTKFLT"},
#endif
};

std::optional<int> real_time_number(std::string_view name) {
    int base = SIGRTMAX;
    if (name.starts_with("SIGRTMIN")) base = SIGRTMIN;
    if (base == SIGRTMAX && !name.starts_with("SIGRTMAX")) return std::nullopt;
    name.remove_prefix(8);
    const auto offset = name.empty() ? 0 : parse_int(name);
    if (!offset || *offset < -SIGRTMAX || *offset > SIGRTMAX) return std::nullopt;
    const int number = base + static_cast<int>(*offset);
    if (number < SIGRTMIN || number > SIGRTMAX) return std::nullopt;
    return number;
}

}  // namespace

ExitStatus ExitStatus::from_wait(int wait_status) {
    if (WIFSIGNALED(wait_status)) return killed_by(WTERMSIG(wait_status), WCOREDUMP(wait_status));
    return exited(WEXITSTATUS(wait_status));
}

ExitStatus ExitStatus::from_waitid(const siginfo_t& info) {
    if (info.si_code == CLD_EXITED) return exited(info.si_status);
    return killed_by(info.si_status, info.si_code == CLD_DUMPED);
}

std::string ExitStatus::words() const {
    if (signal_ == 0) return "exit code " + std::to_string(code_);
    std::string words = "signal " + std::to_string(signal_);
    if (const std::string name = signal_name(signal_); name != words) words += " (" + name + ")";
    if (dumped_core_) words += ", core dumped";
    return words;
}

std::string signal_name(int signal) {
    for (const Name& entry : kNames) {
        if (entry.number == signal) return std::string(entry.name);
    }
    if (signal == SIGRTMIN) return "SIGRTMIN";
    if (signal == SIGRTMAX) return "SIGRTMAX";
    if (signal > SIGRTMIN && signal < SIGRTMAX) {
        return "SIGRTMIN+" + std::to_string(signal - SIGRTMIN);
    }
    return "signal " + std::to_string(signal);
}

std::optional<int> signal_number(std::string_view name) {
    std::string upper(trim(name));
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (const auto number = parse_int(upper)) {
        if (*number < 1 || *number > SIGRTMAX) return std::nullopt;
        return static_cast<int>(*number);
    }
    if (!upper.starts_with("SIG")) upper.insert(0, "SIG");
    for (const Name& entry : kNames) {
        if (entry.name == upper) return entry.number;
    }
    return real_time_number(upper);
}

}  // namespace torchelastic::process
