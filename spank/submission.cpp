// The variables that sbatch and salloc read for --no-kill; they stay in the job's environment,
// where srun finds them.
#include "spank/submission.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "spank/handover.h"
#include "spank/outlive.h"
#include "spank/own_process.h"
#include "spank/step_options.h"

namespace torchelastic::door {

namespace {

constexpr const char* kAskSlurm[] = {"SBATCH_NO_KILL", "SALLOC_NO_KILL"};
constexpr std::size_t kLongestScript = std::size_t{64} << 10;
constexpr int kMostParents = 16;

void ask_slurm() {
    for (const char* name : kAskSlurm)
        setenv(name, "set", 0);
}

bool is_known() {
    for (const char* name : {kAskSlurm[0], kAskSlurm[1], kNoKillCarrier}) {
        if (std::getenv(name) != nullptr) return true;
    }
    return false;
}

/// The parent of a process; 0 if there is none, or none is told.
long parent_of(long pid) {
    const std::string stat = read_file(("/proc/" + std::to_string(pid) + "/stat").c_str());
    const auto name_end = stat.rfind(") ");
    // Behind the name: the state, a letter, then the parent.
    return name_end == stat.npos ? 0 : std::strtol(stat.c_str() + name_end + 4, nullptr, 10);
}

/// The batch script that this srun was called from, as slurmd keeps it; empty in an salloc.
std::string batch_script() {
    constexpr std::string_view kName = "/slurm_script";
    long pid = getppid();
    for (int i = 0; i < kMostParents && pid > 1; ++i, pid = parent_of(pid)) {
        const std::string words = read_file(("/proc/" + std::to_string(pid) + "/cmdline").c_str());
        for (std::size_t begin = 0; begin < words.size();) {
            const std::string word = words.c_str() + begin;
            if (word.ends_with(kName)) return read_file(word.c_str(), kLongestScript);
            begin += word.size() + 1;
        }
    }
    return {};
}

std::string nnodes_of(spank_t spank) {
    if (const char* value = given(spank, "nnodes")) return value;
    const char* variable = std::getenv("PET_NNODES");
    return variable != nullptr ? variable : "";
}

}  // namespace

void mark_no_kill() {
    const CommandLine line = own_command_line();
    if (line.no_kill) setenv(kNoKillCarrier, "1", 1);
    if (line.nnodes && can_lose_nodes(*line.nnodes, 0)) ask_slurm();
}

void want_no_kill(const char* value) {
    if (value != nullptr && can_lose_nodes(value, 0)) ask_slurm();
}

void advise_no_kill(spank_t spank) {
    // An srun that brought its own allocation asked for --no-kill itself (login.cpp).
    if (!was_started_with("SLURM_JOB_ID") || is_known()) return;
    std::uint32_t nodes = 0;
    spank_get_item(spank, S_JOB_NNODES, &nodes);
    const std::string nnodes = nnodes_of(spank);
    if (!can_lose_nodes(nnodes, nodes) || says_no_kill(batch_script())) return;
    slurm_info(
        "torchelastic: warning: --nnodes=%s can do without a lost node, but Slurm ends the whole "
        "job with it unless that was submitted with --no-kill: add \"#SBATCH --no-kill\", or "
        "salloc --no-kill",
        nnodes.c_str());
}

}  // namespace torchelastic::door
