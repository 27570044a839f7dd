// What wait(2) and its kin say of the ends of processes.
#include "process/exit_status.h"

#include <sys/wait.h>

namespace torchelastic::process {

ExitStatus ExitStatus::from_wait(int wait_status) {
    if (WIFSIGNALED(wait_status)) return killed_by(WTERMSIG(wait_status), WCOREDUMP(wait_status));
    return exited(WEXITSTATUS(wait_status));
}

ExitStatus ExitStatus::from_waitid(const siginfo_t& info) {
    if (info.si_code == CLD_EXITED) return exited(info.si_status);
    return killed_by(info.si_status, info.si_code == CLD_DUMPED);
}

}  // namespace torchelastic::process
