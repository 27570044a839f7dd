// A descriptor outlives a change of root, a path does not. launcher/agent/stand_in.cpp is the other
// half: it decides which agent goes on, once it is known where the task has ended up.
#include "spank/container.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "spank/handover.h"
#include "spank/node.h"
#include "spank/variables.h"

namespace torchelastic::door {

namespace {

/// Equal for two processes that have the same "/".
std::string own_root() {
    struct stat root {};
    if (stat("/", &root) != 0) return {};
    return std::to_string(root.st_dev) + ":" + std::to_string(root.st_ino);
}

}  // namespace

void carry_agent(spank_t spank, const std::string& agent) {
    spank_setenv(spank, kAgent, agent.c_str(), 1);
    spank_setenv(spank, kRoot, own_root().c_str(), 1);
    // Closed by exec: only what the task becomes gets it, not what slurmstepd starts for itself.
    const int opened = open((agent + "-static").c_str(), O_RDONLY | O_CLOEXEC);
    if (opened < 0) {
        spank_unsetenv(spank, kDescriptor);
    } else {
        spank_setenv(spank, kDescriptor, std::to_string(opened).c_str(), 1);
    }
}

bool in_container(spank_t spank) {
    return step_variable(spank, kRoot) != own_root();
}

std::string carried_agent(spank_t spank) {
    const std::string number = step_variable(spank, kDescriptor);
    spank_unsetenv(spank, kDescriptor);
    if (number.empty() && in_container(spank)) {
        slurm_error(
            "torchelastic: node %s: this step is in a container, for which the node has no agent: "
            "install %s-static there",
            step_variable(spank, "SLURMD_NODENAME").c_str(), step_variable(spank, kAgent).c_str());
        end_task();
    }
    if (number.empty()) return {};
    std::string path = "/proc/self/fd/" + number;
    if (access(path.c_str(), X_OK) == 0 && fcntl(std::atoi(number.c_str()), F_SETFD, 0) == 0) {
        return path;
    }
    const int reason = errno;
    slurm_error("torchelastic: cannot run %s-static by %s: %s; %s",
                step_variable(spank, kAgent).c_str(), path.c_str(), std::strerror(reason),
                reason == ENOENT ? "a container needs /proc, mounted in it"
                                 : "let all users execute it (chmod 755)");
    end_task();
}

}  // namespace torchelastic::door
