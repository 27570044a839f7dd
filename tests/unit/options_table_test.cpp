// The table against its own rules and against Slurm's options, among which SPANK puts it. Linked
// with the table alone, as spank/ is.
#include <cstring>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "options/table.h"

namespace torchelastic::options {
namespace {

/// Long options of srun, sbatch and salloc: those in the manuals of 22.05, then younger and
/// undocumented ones.
const char* const kSlurm =
    "accel-bind account acctg-freq array batch bb bbf bcast bcast-exclude begin bell chdir "
    "cluster-constraint clusters comment compress constraint container contiguous core-spec "
    "cores-per-socket cpu-bind cpu-freq cpus-per-gpu cpus-per-task deadline delay-boot "
    "dependency disable-status distribution epilog error exact exclude exclusive export "
    "export-file extra-node-info get-user-env gid gpu-bind gpu-freq gpus gpus-per-node "
    "gpus-per-socket gpus-per-task gres gres-flags help het-group hint hold ignore-pbs "
    "immediate input job-name jobid kill-command kill-on-bad-exit kill-on-invalid-dep label "
    "licenses mail-type mail-user mcs-label mem mem-bind mem-per-cpu mem-per-gpu mincpus mpi "
    "msg-timeout multi-prog network nice no-allocate no-bell no-kill no-requeue no-shell "
    "nodefile nodelist nodes ntasks ntasks-per-core ntasks-per-gpu ntasks-per-node "
    "ntasks-per-socket open-mode output overcommit overlap oversubscribe parsable partition "
    "power prefer preserve-env priority profile prolog propagate pty qos quiet "
    "quit-on-interrupt reboot relative requeue reservation resv-ports send-libs signal "
    "slurmd-debug sockets-per-node spread-job switches task-epilog task-prolog test-only "
    "thread-spec threads threads-per-core time time-min tmp uid unbuffered usage "
    "use-min-nodes verbose version wait wait-all-nodes wckey whole wrap x11 async "
    "autocomplete consolidate-segments container-id debugger-test environment external "
    "external-launcher extra interactive jobname launch-cmd multi oom-kill-step pack-group "
    "resv segment spread-segments stepmgr tasks-per-node tree-width treewidth tres-bind "
    "tres-per-job tres-per-task umask";

std::set<std::string> slurm_options() {
    std::istringstream words(kSlurm);
    return {std::istream_iterator<std::string>(words), {}};
}

/// The proper prefixes by which getopt finds `of` among `names`.
std::set<std::string> abbreviations(const std::set<std::string>& names, const std::string& of) {
    std::set<std::string> unambiguous;
    for (std::size_t length = 1; length < of.size(); ++length) {
        const std::string prefix = of.substr(0, length);
        int matches = names.count(prefix) ? 2 : 0;
        for (const std::string& name : names)
            matches += name.starts_with(prefix) ? 1 : 0;
        if (matches == 1) unambiguous.insert(prefix);
    }
    return unambiguous;
}

TEST(Table, is_consistent) {
    std::set<std::string> names;
    std::set<char> letters;
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        const Option& o = kOptions[i];
        EXPECT_TRUE(names.insert(o.name).second) << o.name;
        if (o.letter) {
            EXPECT_TRUE(letters.insert(o.letter).second) << o.name;
        }
        EXPECT_EQ(std::string(o.name).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"),
                  std::string::npos)
            << o.name;
        EXPECT_EQ(o.kind == Kind::flag, o.metavar == nullptr) << o.name;
        EXPECT_TRUE(o.kind != Kind::choice || o.choices) << o.name;
        EXPECT_TRUE(o.kind != Kind::flag || !o.initial) << o.name;
        EXPECT_TRUE(o.pet || !o.srun) << o.name << ": srun hands it over as a variable";
        ASSERT_GT(std::strlen(o.help), 10U) << o.name;
        EXPECT_NE(o.help[std::strlen(o.help) - 1], '.') << o.name;
    }
}

TEST(Table, lists_its_groups_together) {
    for (std::size_t i = 1; i < kOptionCount; ++i) {
        EXPECT_GE(kOptions[i].group, kOptions[i - 1].group) << kOptions[i].name;
    }
}

TEST(Table, has_no_option_of_slurm) {
    const std::set<std::string> slurm = slurm_options();
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        EXPECT_FALSE(kOptions[i].srun && slurm.count(kOptions[i].name)) << kOptions[i].name;
    }
}

/// With the plugin loaded, an abbreviation of Slurm's option that also begins one of ours is
/// refused by getopt as ambiguous, in every script of the site.
TEST(Table, costs_slurm_few_abbreviations) {
    const std::set<std::string> slurm = slurm_options();
    std::set<std::string> together = slurm;
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        if (kOptions[i].srun) together.insert(kOptions[i].name);
    }
    std::set<std::string> lost;
    for (const std::string& name : slurm) {
        const auto left = abbreviations(together, name);
        for (const std::string& prefix : abbreviations(slurm, name)) {
            if (!left.count(prefix)) lost.insert("--" + prefix + " of --" + name);
        }
    }
    // --power is for Cray's power management, and gone from later releases.
    EXPECT_EQ(lost, (std::set<std::string>{"--po of --power", "--req of --requeue",
                                           "--requ of --requeue", "--reque of --requeue",
                                           "--requeu of --requeue", "--te of --test-only"}));
}

TEST(Table, keeps_from_srun_what_has_no_meaning_there) {
    // Of one node alone, of torchrun's own rendezvous, without effect; and --signals-to-handle,
    // with which srun's --sig and --sign for --signal would be gone.
    const std::set<std::string> local = {
        "standalone",       "local-addr", "start-method", "monitor-interval", "logs-specs",
        "rdzv-endpoint",    "node-rank",  "master-addr",  "master-port",      "signals-to-handle",
        "print-completion", "help",       "version"};
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        EXPECT_NE(kOptions[i].srun, local.count(kOptions[i].name) == 1) << kOptions[i].name;
    }
}

TEST(Table, has_variables_where_torchrun_has_them) {
    const std::set<std::string> without = {"logs-specs", "print-completion", "help", "version"};
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        EXPECT_NE(kOptions[i].pet, without.count(kOptions[i].name) == 1) << kOptions[i].name;
    }
}

}  // namespace
}  // namespace torchelastic::options
