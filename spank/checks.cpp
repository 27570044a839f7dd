// What Slurm tells of step and node, put before the rules of advice.h.
#include "spank/checks.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "spank/advice.h"
#include "spank/handover.h"
#include "spank/node.h"
#include "spank/variables.h"

namespace torchelastic::door {

namespace {

/// Of a thousand nodes that suffer alike the first few are enough.
constexpr std::uint32_t kSpeakers = 4;

constexpr const char* kVisible[] = {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
                                    "ZE_AFFINITY_MASK"};

/// The kind of machine that `file` is made for, as the bytes of its ELF header say it; empty for a
/// script, or if it cannot be read.
std::string machine_of(const char* file) {
    std::array<char, sizeof(Elf64_Ehdr)> header{};
    const int descriptor = open(file, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return {};
    const ssize_t length = read(descriptor, header.data(), header.size());
    close(descriptor);
    if (length < static_cast<ssize_t>(header.size())) return {};
    if (std::memcmp(header.data(), ELFMAG, SELFMAG) != 0) return {};
    return std::string(header.data() + EI_CLASS, 2) +
           std::string(header.data() + offsetof(Elf64_Ehdr, e_machine), sizeof(Elf64_Half));
}

/// Why this node cannot run `agent`, and what helps; empty if it can.
std::string trouble_of(const char* agent) {
    struct stat status {};
    if (access(agent, X_OK) != 0) {
        const int reason = errno;
        const char* help = reason == EACCES ? "let all users read and execute it, and enter the "
                                              "folders above it (chmod 755)"
                                            : "install it there";
        return std::string(std::strerror(reason)) + "; " + help +
               ", or name its place by agent= in plugstack.conf";
    }
    if (stat(agent, &status) == 0 && !S_ISREG(status.st_mode)) {
        return "it is not a file; name the program by agent= in plugstack.conf";
    }
    const std::string machine = machine_of(agent);
    if (machine.empty() || machine == machine_of("/proc/self/exe")) return {};
    return "it is built for another kind of processor; install one that is built for this node, or "
           "name its place by agent= in plugstack.conf";
}

std::uint32_t item(spank_t spank, spank_item_t what) {
    std::uint32_t value = 0;
    spank_get_item(spank, what, &value);
    return value;
}

std::optional<long> length_of(spank_t spank, spank_item_t what) {
    char* list = nullptr;
    if (spank_get_item(spank, what, &list) != ESPANK_SUCCESS || list == nullptr) return {};
    return count_list(list);
}

std::optional<long> length_of(spank_t spank, const char* variable) {
    const std::string list = step_variable(spank, variable);
    if (list.empty()) return std::nullopt;
    return count_list(list);
}

/// SLURM_JOB_GPUS are those of the job's first node, whichever node it is read on.
std::optional<long> gpus_of_job(spank_t spank, const std::string& node) {
    const auto gpus = length_of(spank, "SLURM_JOB_GPUS");
    if (!gpus) return std::nullopt;
    const std::string nodes = step_variable(spank, "SLURM_JOB_NODELIST", kLongestList);
    return first_of(nodes) == node ? gpus : std::nullopt;
}

}  // namespace

void require_one_task_per_node(spank_t spank) {
    const std::uint32_t nodes = item(spank, S_JOB_NNODES);
    const std::uint32_t tasks = item(spank, S_JOB_TOTAL_TASK_COUNT);
    int task = 0;
    spank_get_item(spank, S_TASK_ID, &task);
    if (tasks == nodes) return;
    if (item(spank, S_JOB_NODEID) == 0 && task == 0) {  // once is enough
        slurm_error(
            "torchelastic: this step has %u tasks on %u node%s, and one agent serves a whole "
            "node: use --ntasks-per-node=1, and leave out -n, --ntasks-per-gpu and their like "
            "(--nproc-per-node is the number of workers)",
            tasks, nodes, nodes == 1 ? "" : "s");
    }
    end_task();
}

void require_agent(spank_t spank, const std::string& agent) {
    const std::string trouble = trouble_of(agent.c_str());
    if (trouble.empty()) return;
    slurm_error("torchelastic: node %s: cannot run the agent %s: %s",
                step_variable(spank, "SLURMD_NODENAME").c_str(), agent.c_str(), trouble.c_str());
    end_task();
}

void advise(spank_t spank) {
    if (item(spank, S_JOB_NODEID) >= kSpeakers) return;
    Share share;
    share.node = step_variable(spank, "SLURMD_NODENAME");
    share.asked = step_variable(spank, kSharesCarrier);
    share.workers = step_variable(spank, "PET_NPROC_PER_NODE");
    share.cores = length_of(spank, S_STEP_ALLOC_CORES);
    share.of_cores = length_of(spank, S_JOB_ALLOC_CORES);
    const std::string gpus = step_variable(spank, "SLURM_GPUS_ON_NODE");
    if (!gpus.empty()) share.gpus = std::strtol(gpus.c_str(), nullptr, 10);
    for (const char* name : kVisible) {
        if (!share.visible) share.visible = length_of(spank, name);
    }
    share.of_gpus = gpus_of_job(spank, share.node);
    for (const std::string& line : advice(share))
        slurm_spank_log("torchelastic: warning: %s", line.c_str());
}

}  // namespace torchelastic::door
