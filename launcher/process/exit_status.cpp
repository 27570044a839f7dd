// Words for the ends of processes.
#include "process/exit_status.h"

#include <sys/wait.h>

#include "base/signal_name.h"

namespace torchelastic::process {

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

}  // namespace torchelastic::process
