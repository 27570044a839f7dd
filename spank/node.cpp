// The step's environment and argv, as the agent will find them.
#include "spank/node.h"

#include <netdb.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "spank/container.h"
#include "spank/handover.h"
#include "spank/request.h"
#include "spank/step_options.h"

namespace torchelastic::door {

namespace {

using options::kOptionCount;
using options::kOptions;

constexpr int kUsage = 64;
constexpr int kLongestValue = 4096;
constexpr int kLongestList = 1 << 20;

/// The step's variable; empty if unset.
std::string step_variable(spank_t spank, const char* name, int limit = kLongestValue) {
    std::string text(static_cast<std::size_t>(limit), '\0');
    if (spank_getenv(spank, name, text.data(), limit) != ESPANK_SUCCESS) return {};
    text.resize(std::strlen(text.c_str()));
    return text;
}

/// Also forgets the value of an elastic step around this one, where there is none to set.
void hand_on(spank_t spank, const char* name, const std::string& value) {
    if (value.empty()) {
        spank_unsetenv(spank, name);
    } else {
        spank_setenv(spank, name, value.c_str(), 1);
    }
}

std::string first_of(const std::string& hostlist) {
    if (!slurm_hostlist_create || !slurm_hostlist_shift || !slurm_hostlist_destroy) return {};
    void* list = slurm_hostlist_create(hostlist.c_str());
    if (list == nullptr) return {};
    const std::unique_ptr<char, decltype(&std::free)> name(slurm_hostlist_shift(list), &std::free);
    slurm_hostlist_destroy(list);
    return name ? name.get() : "";
}

std::string numeric_address(const std::string& node) {
    sockaddr_storage address{};
    if (!slurm_conf_get_addr || slurm_conf_get_addr(node.c_str(), &address, 0) != 0) return {};
    const socklen_t length = address.ss_family == AF_INET    ? socklen_t{sizeof(sockaddr_in)}
                             : address.ss_family == AF_INET6 ? socklen_t{sizeof(sockaddr_in6)}
                                                             : 0;
    char text[NI_MAXHOST];
    if (length == 0 || getnameinfo(reinterpret_cast<sockaddr*>(&address), length, text,
                                   sizeof(text), nullptr, 0, NI_NUMERICHOST) != 0) {
        return {};
    }
    return text;
}

void require_one_task_per_node(spank_t spank) {
    std::uint32_t nodes = 0;
    std::uint32_t tasks = 0;
    std::uint32_t node = 0;
    int task = 0;
    spank_get_item(spank, S_JOB_NNODES, &nodes);
    spank_get_item(spank, S_JOB_TOTAL_TASK_COUNT, &tasks);
    spank_get_item(spank, S_JOB_NODEID, &node);
    spank_get_item(spank, S_TASK_ID, &task);
    if (tasks == nodes) return;
    if (node == 0 && task == 0) {  // once is enough
        slurm_error(
            "torchelastic: this step has %u tasks on %u nodes, and one agent serves a whole "
            "node: use --ntasks-per-node=1 and no -n (and --nproc-per-node for the number "
            "of workers)",
            tasks, nodes);
    }
    end_task();
}

void require_agent(spank_t spank, const char* agent) {
    if (access(agent, X_OK) == 0) return;
    const char* reason = std::strerror(errno);
    slurm_error(
        "torchelastic: node %s: cannot run the agent %s: %s; install it there, or name its "
        "place by agent= in plugstack.conf",
        step_variable(spank, "SLURMD_NODENAME").c_str(), agent, reason);
    end_task();
}

/// The options become the agent's, and are no longer Slurm's: a worker's own srun is not elastic
/// because its parent was.
void hand_on_options(spank_t spank) {
    const auto forget = [&](const char* option) {
        spank_unsetenv(spank, carrier(option).c_str());
        spank_unsetenv(spank, ("SLURM_SPANK_" + carrier(option)).c_str());
    };
    forget(kSwitch);
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        const options::Option& option = kOptions[i];
        if (!option.srun) continue;
        forget(option.name);
        const char* value = given(spank, option);
        if (value == nullptr) continue;
        spank_setenv(spank, pet_name(option).c_str(), *value == '\0' ? "1" : value, 1);
    }
}

}  // namespace

void end_task() {
    _exit(kUsage);
}

bool serves(spank_t spank) {
    std::uint32_t step = kFirstSpecialStep;
    return spank_get_item(spank, S_JOB_STEPID, &step) == ESPANK_SUCCESS &&
           step < kFirstSpecialStep && is_elastic(spank);
}

void adopt_orphans() {
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

void hand_on_address(spank_t spank) {
    const std::string node = first_of(step_variable(spank, "SLURM_STEP_NODELIST", kLongestList));
    hand_on(spank, kAddress, node.empty() ? node : numeric_address(node));
}

void become_agent(spank_t spank, const char* agent) {
    require_one_task_per_node(spank);
    const std::string carried = carried_agent(spank);
    if (carried.empty()) require_agent(spank, agent);
    int count = 0;
    char** arguments = nullptr;
    if (spank_get_item(spank, S_JOB_ARGV, &count, &arguments) != ESPANK_SUCCESS || count < 1) {
        slurm_error("torchelastic: Slurm does not tell the program of the step");
        end_task();
    }
    hand_on_options(spank);
    hand_on(spank, kToken, step_variable(spank, kTokenCarrier));
    spank_unsetenv(spank, kTokenCarrier);
    const std::string cpus = step_variable(spank, kCpusCarrier);
    if (!cpus.empty()) spank_setenv(spank, kCpusPerTask, cpus.c_str(), 0);  // srun's -c wins
    spank_unsetenv(spank, kCpusCarrier);
    spank_setenv(spank, kScript, arguments[0], 1);
    // Not an exec: TaskProlog, limits, TMPDIR and later plugins are still to come. Slurm has no
    // better way before 23.11 (spank_prepend_task_argv), and this one works in all versions.
    arguments[0] = strdup(carried.empty() ? agent : carried.c_str());
}

}  // namespace torchelastic::door
