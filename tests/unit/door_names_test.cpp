// The options of srun, sbatch and salloc, and what ours do to them.
#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "options/table.h"

namespace torchelastic::door {
namespace {

using Names = std::set<std::string>;

// From the manual pages of each release, and "share", which is in none.
constexpr const char* kCommon =
    "account acctg-freq array batch bb bbf bcast bcast-exclude begin bell chdir cluster- "
    "constraint clusters comment compress constraint container contiguous core-spec cores- "
    "per-socket cpu-bind cpu-freq cpus-per-gpu cpus-per-task deadline delay-boot dependency "
    "disable-status distribution epilog error exact exclude exclusive export export-file "
    "extra-node-info get-user-env gid gpu-bind gpu-freq gpus gpus-per-node gpus-per-socket "
    "gpus-per-task gres gres-flags help het-group hint hold ignore-pbs immediate input "
    "interactive job-name jobid kill-command kill-on-bad-exit kill-on-invalid-dep label "
    "licenses mail-type mail-user mcs-label mem mem-bind mem-per-cpu mem-per-gpu mincpus "
    "mpi msg-timeout multi-prog network nice no-allocate no-bell no-kill no-requeue no- "
    "shell nodefile nodelist nodes ntasks ntasks-per-core ntasks-per-gpu ntasks-per-node "
    "ntasks-per-socket open-mode output overcommit overlap oversubscribe parsable partition "
    "prefer preserve-env priority profile prolog propagate pty qos quiet quit-on-interrupt "
    "reboot relative requeue reservation resv-ports send-libs share signal slurmd-debug "
    "sockets-per-node spread-job switches task-epilog task-prolog test-only thread-spec "
    "threads threads-per-core time time-min tmp uid unbuffered usage use-min-nodes verbose "
    "version wait wait-all-nodes wckey wrap x11 ";

struct Release {
    const char* number;
    const char* names;  ///< beside the common ones
};

const Release kReleases[] = {
    {"22.05", "accel-bind power "},
    {"24.11",
     "container-id external-launcher extra oom-kill-step segment stepmgr treewidth tres- "
     "bind tres-per-task "},
    {"26.05",
     "async consolidate-segments container-id container-type external-launcher extra "
     "ignore-signals mem-update oom-kill-step resources segment spread-segments stepmgr "
     "treewidth tres-bind tres-per-task wait-for-children "},
};

Names words(const std::string& text) {
    std::istringstream in(text);
    return {std::istream_iterator<std::string>(in), {}};
}

Names of_slurm(const Release& release) {
    return words(std::string(kCommon) + release.names);
}

Names ours() {
    Names names{"torchelastic"};
    for (std::size_t i = 0; i < options::kOptionCount; ++i) {
        if (options::kOptions[i].srun) names.insert(options::kOptions[i].name);
    }
    return names;
}

std::size_t meant_by(const std::string& prefix, const Names& names) {
    return static_cast<std::size_t>(
        std::count_if(names.begin(), names.end(),
                      [&](const std::string& each) { return each.starts_with(prefix); }));
}

TEST(Names, do_not_clash_with_slurm_s) {
    for (const Release& release : kReleases) {
        const Names slurm = of_slurm(release);
        EXPECT_GT(slurm.size(), 120U);
        for (const std::string& name : ours())
            EXPECT_FALSE(slurm.contains(name)) << name << " of " << release.number;
    }
}

/// getopt_long refuses a prefix of several options. These were of one before, and are nothing that
/// anybody types: --power, --share and --test-only, and --requeue cut short.
const Names kLost{"po", "sh", "sha", "te", "req", "requ", "reque", "requeu"};

TEST(Names, leave_slurm_s_abbreviations_alone) {
    for (const Release& release : kReleases) {
        const Names slurm = of_slurm(release);
        for (const std::string& name : slurm) {
            for (std::size_t length = 2; length < name.size(); ++length) {
                const std::string prefix = name.substr(0, length);
                if (slurm.contains(prefix) || meant_by(prefix, slurm) != 1) continue;
                if (meant_by(prefix, ours()) == 0) continue;
                EXPECT_TRUE(kLost.contains(prefix))
                    << "--" << prefix << " no longer means --" << name << " of " << release.number;
            }
        }
    }
}

}  // namespace
}  // namespace torchelastic::door
