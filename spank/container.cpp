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

namespace torchelastic::door {

void carry_agent(spank_t spank, const std::string& agent) {
    const std::string file = agent + "-static";
    struct stat root {};
    // Closed by exec: only what the task becomes gets it, not what slurmstepd starts for itself.
    const int opened = eaccess(agent.c_str(), X_OK) == 0 && stat("/", &root) == 0
                           ? open(file.c_str(), O_RDONLY | O_CLOEXEC)
                           : -1;
    if (opened < 0) {
        slurm_verbose("torchelastic: no %s for a container: %s", file.c_str(), strerror(errno));
        spank_unsetenv(spank, kDescriptor);
        return;
    }
    const std::string identity = std::to_string(root.st_dev) + ":" + std::to_string(root.st_ino);
    spank_setenv(spank, kDescriptor, std::to_string(opened).c_str(), 1);
    spank_setenv(spank, kAgent, agent.c_str(), 1);
    spank_setenv(spank, kRoot, identity.c_str(), 1);
}

std::string carried_agent(spank_t spank) {
    char number[16] = "";
    if (spank_getenv(spank, kDescriptor, number, sizeof(number)) != ESPANK_SUCCESS) return {};
    spank_unsetenv(spank, kDescriptor);
    std::string path = std::string("/proc/self/fd/") + number;
    if (access(path.c_str(), X_OK) == 0 && fcntl(std::atoi(number), F_SETFD, 0) == 0) return path;
    const char* reason = strerror(errno);
    slurm_error(
        "torchelastic: cannot run the agent by %s: %s; a container needs /proc, mounted in it",
        path.c_str(), reason);
    end_task();
}

}  // namespace torchelastic::door
