// The step's environment and argv, as the agent will find them.
#include "spank/node.h"

#include <netdb.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>

#include "spank/checks.h"
#include "spank/container.h"
#include "spank/handover.h"
#include "spank/request.h"
#include "spank/seal.h"
#include "spank/step_options.h"
#include "spank/variables.h"

namespace torchelastic::door {

namespace {

using options::kOptionCount;
using options::kOptions;

constexpr int kUsage = 64;

/// hostlist_t is a pointer before Slurm 23.11, and what one points to after.
using List = decltype(slurm_hostlist_create(""));
using Hostlist = std::unique_ptr<std::remove_pointer_t<List>, void (*)(List)>;

/// Null where Slurm cannot read it.
Hostlist open_list(const std::string& text) {
    const bool able = slurm_hostlist_create && slurm_hostlist_shift && slurm_hostlist_find &&
                      slurm_hostlist_destroy;
    if (!able) return {nullptr, +[](List) {}};
    return {slurm_hostlist_create(text.c_str()), slurm_hostlist_destroy};
}

/// Takes the first name off; empty if there is none.
std::string shift(List list) {
    if (list == nullptr) return {};
    const std::unique_ptr<char, decltype(&std::free)> name(slurm_hostlist_shift(list), &std::free);
    return name ? name.get() : "";
}

/// The step's first node, as the agents count them (slurm/allocation.h): over the components of a
/// heterogeneous job it is not always the first of the list.
std::string first_node(spank_t spank) {
    const std::string nodes = step_variable(spank, "SLURM_STEP_NODELIST", kLongestList);
    const long components =
        std::strtol(step_variable(spank, "SLURM_HET_SIZE").c_str(), nullptr, 10);
    const Hostlist all = open_list(nodes);
    for (long i = 0; i < components && all; ++i) {
        const std::string number = "_GROUP_" + std::to_string(i);
        std::string part =
            step_variable(spank, ("SLURM_JOB_NODELIST_HET" + number).c_str(), kLongestList);
        if (part.empty()) {
            part = step_variable(spank, ("SLURM_JOB_NODELIST_PACK" + number).c_str(), kLongestList);
        }
        const Hostlist list = open_list(part);
        for (std::string node = shift(list.get()); !node.empty(); node = shift(list.get())) {
            if (slurm_hostlist_find(all.get(), node.c_str()) >= 0) return node;
        }
    }
    return first_of(nodes);
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

std::string name_of_user(spank_t spank) {
    std::string name = step_variable(spank, "SLURM_JOB_USER");
    if (!name.empty()) return name;
    std::array<char, kLongestValue> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found);
    return found != nullptr ? found->pw_name : std::to_string(getuid());
}

/// What srun --bcast copies without a name for the copy gets one of slurmstepd's choice, which it
/// puts behind the folder's once this plugin is done. The same in 22.05 to 26.05.
std::string program_of(spank_t spank, const std::string& argument) {
    if (!argument.ends_with('/')) return argument;
    std::uint32_t job = 0;
    std::uint32_t step = 0;
    spank_get_item(spank, S_JOB_ID, &job);
    spank_get_item(spank, S_JOB_STEPID, &step);
    return argument + "slurm_bcast_" + std::to_string(job) + "." + std::to_string(step) + "_" +
           step_variable(spank, "SLURMD_NODENAME");
}

/// What the user has chosen wins, whether by option or by variable.
void hand_on_defaults(spank_t spank, const Site& site) {
    const auto chosen = [&](const char* name) { return !step_variable(spank, name).empty(); };
    const bool in_conf =
        step_variable(spank, "PET_RDZV_CONF").find("port_range=") != std::string::npos;
    if (!site.port_range.empty() && !in_conf) {
        spank_setenv(spank, "PET_PORT_RANGE", site.port_range.c_str(), 0);
    }
    if (site.log_dir.empty() || !(chosen("PET_REDIRECTS") || chosen("PET_TEE"))) return;
    const std::string folder =
        log_dir_of(site.log_dir, name_of_user(spank), step_variable(spank, "SLURM_JOB_ID"));
    spank_setenv(spank, "PET_LOG_DIR", folder.c_str(), 0);
}

/// What srun's side has put into the environment for srun or for this side.
void remove_traces(spank_t spank) {
    const std::string added = step_variable(spank, kAddedCarrier);
    for (std::size_t begin = 0; begin < added.size();) {
        const std::size_t end = std::min(added.find(',', begin), added.size());
        spank_unsetenv(spank, added.substr(begin, end - begin).c_str());
        begin = end + 1;
    }
    const std::string cpus = step_variable(spank, kCpusCarrier);
    if (!cpus.empty()) spank_setenv(spank, kCpusPerTask, cpus.c_str(), 0);  // srun's -c wins
    for (const char* name :
         {kTokenCarrier, kCpusCarrier, kAddedCarrier, kSharesCarrier, kNoKillCarrier})
        spank_unsetenv(spank, name);
}

}  // namespace

void end_task() {
    _exit(kUsage);
}

std::string first_of(const std::string& hostlist) {
    return shift(open_list(hostlist).get());
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
    const std::string node = first_node(spank);
    hand_on(spank, kAddress, node.empty() ? node : numeric_address(node));
}

/// Ways of tracking processes other than linuxproc signal the task alone, or its process group.
void hand_on_signalling(spank_t spank) {
    const bool told = &slurm_conf != nullptr;
    const char* way = told ? slurm_conf.proctrack_type : nullptr;
    const bool each = way != nullptr && std::strcmp(way, "proctrack/linuxproc") == 0;
    hand_on(spank, kSignalsReachAll, each ? "1" : "");
    hand_on(spank, kKillWait, told ? std::to_string(slurm_conf.kill_wait) : "");
}

void unseal_program(spank_t spank) {
    int count = 0;
    char** arguments = nullptr;
    if (spank_get_item(spank, S_JOB_ARGV, &count, &arguments) != ESPANK_SUCCESS) return;
    if (count > 0 && arguments != nullptr && arguments[0] != nullptr) unseal(arguments[0]);
}

void become_agent(spank_t spank, const Site& site) {
    require_one_task_per_node(spank);
    const std::string agent = step_variable(spank, kAgent);
    const std::string carried = carried_agent(spank);
    if (!in_container(spank)) require_agent(spank, agent);
    int count = 0;
    char** arguments = nullptr;
    if (spank_get_item(spank, S_JOB_ARGV, &count, &arguments) != ESPANK_SUCCESS || count < 1) {
        slurm_error("torchelastic: Slurm does not tell the program of the step");
        end_task();
    }
    hand_on_options(spank);
    hand_on_defaults(spank, site);
    advise(spank);
    hand_on(spank, kToken, step_variable(spank, kTokenCarrier));
    remove_traces(spank);
    spank_setenv(spank, kScript, program_of(spank, arguments[0]).c_str(), 1);
    // Not an exec: TaskProlog, limits, TMPDIR and later plugins are still to come. Slurm has no
    // better way before 23.11 (spank_prepend_task_argv), and this one works in all versions.
    arguments[0] = strdup((carried.empty() ? agent : carried).c_str());
}

}  // namespace torchelastic::door
