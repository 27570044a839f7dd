// Inside slurmstepd, which is root and which nobody kills: Slurm goes on to kill whatever is below
// it (proctrack/linuxproc), and a program that removes files would be.
#include "spank/leftovers.h"

#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "spank/node.h"
#include "spank/sweep.h"
#include "spank/variables.h"

namespace torchelastic::door {

namespace {

/// Of this slurmstepd, which has one step.
struct {
    std::vector<std::string> places;
    std::string prefix;
    uid_t user = 0;
    gid_t group = 0;
} leftovers;

/// While it lives, this thread has a user's rights to files and no others: the kernel keeps them by
/// thread, and slurmstepd's other ones stay root. glibc's setgroups would change them all.
class UserRights {
public:
    UserRights(uid_t user, gid_t group) {
        const int count = getgroups(0, nullptr);
        groups_.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
        if (count < 0 || getgroups(count, groups_.data()) != count) return;
        changed_ = syscall(kSetGroups, 0, nullptr) == 0;
        if (!changed_) return;
        group_ = static_cast<gid_t>(setfsgid(group));
        user_ = static_cast<uid_t>(setfsuid(user));
        granted_ = setfsgid(kNobody) == static_cast<int>(group) &&
                   setfsuid(kNobody) == static_cast<int>(user);
    }
    ~UserRights() {
        if (!changed_) return;
        setfsuid(user_);
        setfsgid(group_);
        syscall(kSetGroups, groups_.size(), groups_.data());
    }
    UserRights(const UserRights&) = delete;
    UserRights& operator=(const UserRights&) = delete;

    bool granted() const { return granted_; }

private:
#ifdef SYS_setgroups32  // the other one has 16 bits for a group then
    static constexpr long kSetGroups = SYS_setgroups32;
#else
    static constexpr long kSetGroups = SYS_setgroups;
#endif
    static constexpr uid_t kNobody = static_cast<uid_t>(-1);  // changes nothing, tells who it is

    std::vector<gid_t> groups_;
    uid_t user_ = 0;
    gid_t group_ = 0;
    bool changed_ = false;
    bool granted_ = false;
};

/// agent/scratch.h names a folder that is to go so, and tries these places; the pid is the
/// keeper's, which is the task.
void remember(spank_t spank, pid_t task) {
    for (const char* name : {"TMPDIR", "TEMP", "TMP"})
        leftovers.places.push_back(step_variable(spank, name));
    for (const char* place : {"/tmp", "/var/tmp"})
        leftovers.places.emplace_back(place);
    leftovers.prefix = "torchelastic_scratch_" + std::to_string(task) + "_";
}

void sweep_places() {
    const UserRights rights(leftovers.user, leftovers.group);
    if (!rights.granted()) return;
    for (const std::string& place : leftovers.places)
        sweep(place, leftovers.prefix);
}

}  // namespace

void remove_leftovers(spank_t spank) {
    int status = 0;
    pid_t task = 0;
    if (spank_get_item(spank, S_TASK_EXIT_STATUS, &status) != ESPANK_SUCCESS ||
        !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL || !serves(spank) ||
        spank_get_item(spank, S_TASK_PID, &task) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_UID, &leftovers.user) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_GID, &leftovers.group) != ESPANK_SUCCESS) {
        return;
    }
    remember(spank, task);
    sweep_places();
}

void remove_late_leftovers() {
    if (!leftovers.prefix.empty()) sweep_places();
}

}  // namespace torchelastic::door
