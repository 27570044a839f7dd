// As another process, because slurmstepd is root.
#include "spank/leftovers.h"

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "spank/node.h"
#include "spank/variables.h"

namespace torchelastic::door {

namespace {

/// agent/scratch.h names a folder that is to go so, and tries these places; the pid is the
/// keeper's, which is the task.
constexpr char kRemove[] =
    "for place in \"$1\" /tmp /var/tmp; do rm -rf -- \"$place\"/torchelastic_scratch_\"$2\"_*; "
    "done";

/// To be called between fork and exec: only what is safe there.
[[noreturn]] void remove_as(uid_t user, gid_t group, const char* folder, const char* pid) {
    if (setgroups(0, nullptr) != 0 || setresgid(group, group, group) != 0 ||
        setresuid(user, user, user) != 0 || chdir("/") != 0) {
        _exit(1);
    }
    char* const nothing[] = {nullptr};
    const char* const words[] = {"sh", "-c", kRemove, "sh", folder, pid, nullptr};
    execve("/bin/sh", const_cast<char* const*>(words), nothing);
    _exit(1);
}

}  // namespace

void remove_leftovers(spank_t spank) {
    int status = 0;
    pid_t task = 0;
    uid_t user = 0;
    gid_t group = 0;
    if (spank_get_item(spank, S_TASK_EXIT_STATUS, &status) != ESPANK_SUCCESS ||
        !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL || !serves(spank) ||
        spank_get_item(spank, S_TASK_PID, &task) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_UID, &user) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_GID, &group) != ESPANK_SUCCESS) {
        return;
    }
    std::string folder = step_variable(spank, "TMPDIR");
    if (folder.empty()) folder = "/tmp";
    const std::string pid = std::to_string(task);
    const pid_t child = fork();
    if (child == 0) remove_as(user, group, folder.c_str(), pid.c_str());
    while (child > 0 && waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace torchelastic::door
