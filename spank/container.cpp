// A descriptor outlives a change of root, a path does not. launcher/agent/stand_in.cpp is the other
// half: it decides which agent goes on, once it is known where the task has ended up.
#include "spank/container.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "spank/handover.h"
#include "spank/node.h"

namespace torchelastic::door {

namespace {

/// Out of the way of those that a task prolog may use.
constexpr int kLowestDescriptor = 200;

/// Stays open across exec.
int open_high(const char* file) {
    const int low = open(file, O_RDONLY | O_CLOEXEC);
    if (low < 0) return low;
    const int high = fcntl(low, F_DUPFD, kLowestDescriptor);
    close(low);
    return high;
}

}  // namespace

void carry_agent(spank_t spank, const char* agent) {
    const std::string file = std::string(agent) + "-static";
    struct stat root {};
    std::string descriptor;
    if (access(agent, X_OK) == 0 && access(file.c_str(), X_OK) == 0 && stat("/", &root) == 0) {
        const int opened = open_high(file.c_str());
        if (opened >= 0) descriptor = std::to_string(opened);
        if (opened < 0) slurm_verbose("torchelastic: open %s: %s", file.c_str(), strerror(errno));
    }
    if (descriptor.empty()) {
        spank_unsetenv(spank, kDescriptor);
        return;
    }
    spank_setenv(spank, kDescriptor, descriptor.c_str(), 1);
    spank_setenv(spank, kAgent, agent, 1);
    const std::string identity = std::to_string(root.st_dev) + ":" + std::to_string(root.st_ino);
    spank_setenv(spank, kRoot, identity.c_str(), 1);
}

std::string carried_agent(spank_t spank) {
    char number[16] = "";
    if (spank_getenv(spank, kDescriptor, number, sizeof(number)) != ESPANK_SUCCESS) return {};
    spank_unsetenv(spank, kDescriptor);
    std::string path = std::string("/proc/self/fd/") + number;
    if (access(path.c_str(), X_OK) == 0) return path;
    const char* reason = strerror(errno);
    slurm_error(
        "torchelastic: cannot run the agent by %s: %s; a container needs /proc, mounted in it",
        path.c_str(), reason);
    end_task();
}

}  // namespace torchelastic::door
