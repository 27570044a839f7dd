// Slurm's plugin interface: which hook of which process does what. Built once per Slurm
// major.minor, which refuses others. Starts no thread, prints nothing of its own.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "spank/container.h"
#include "spank/leftovers.h"
#include "spank/login.h"
#include "spank/node.h"
#include "spank/request.h"
#include "spank/requeue.h"
#include "spank/site.h"
#include "spank/slurm.h"
#include "spank/step_options.h"
#include "spank/submission.h"

// In C++ a const is internal unless it is declared external before; Slurm looks these up by name.
extern "C" {
extern const char plugin_name[];
extern const char plugin_type[];
extern const unsigned int plugin_version;
extern const unsigned int spank_plugin_version;
SPANK_PLUGIN(torchelastic, 1)
}

namespace {

namespace door = torchelastic::door;

/// Where the loader found this plugin, all links followed: the tree may have been moved.
std::string plugin_file() {
    Dl_info info{};
    if (dladdr(&plugin_version, &info) == 0 || info.dli_fname == nullptr) return {};
    const std::unique_ptr<char, decltype(&std::free)> file(realpath(info.dli_fname, nullptr),
                                                           &std::free);
    return file ? file.get() : "";
}

door::Site site_of(int count, char** arguments) {
    return door::read_site({arguments, arguments + count});
}

/// The site's word, else beside this plugin, else where this build installs it.
std::string agent_path(const door::Site& site) {
    if (!site.agent.empty()) return site.agent;
    std::string beside = door::agent_beside(plugin_file());
    return access(beside.c_str(), X_OK) == 0 ? beside : TORCHELASTIC_AGENT;
}

}  // namespace

// Every hook succeeds: what a failure does depends on the hook, on plugstack.conf and on Slurm's
// version, from being ignored to a leaked step or a drained node. Bad options are refused by their
// callback, and an agent that cannot run ends its own task.
extern "C" {

int slurm_spank_init(spank_t spank, int count, char** arguments) {
    const door::Site site = site_of(count, arguments);
    if (spank_context() == S_CTX_LOCAL) door::arrange_environment(site);
    if (spank_context() == S_CTX_ALLOCATOR) door::mark_no_kill();
    door::register_options(spank);
    if (spank_context() != S_CTX_REMOTE) return 0;
    door::unseal_program(spank);
    if (!site.trouble.empty()) {  // here it is slurmd's log that gets it, not the user
        slurm_error("torchelastic: plugstack.conf: %s; ignored", site.trouble.c_str());
    }
    return 0;
}

int slurm_spank_local_user_init(spank_t spank, int, char**) {
    if (door::serves(spank)) {
        door::seal_program(spank);
        door::advise_no_kill(spank);
    }
    door::warn_of_unused_options(spank);
    return 0;
}

int slurm_spank_user_init(spank_t spank, int count, char** arguments) {
    if (!door::serves(spank)) return 0;
    door::adopt_orphans();
    door::carry_agent(spank, agent_path(site_of(count, arguments)));
    door::hand_on_address(spank);
    door::hand_on_signalling(spank);
    door::hand_on_slip(spank);
    return 0;
}

int slurm_spank_task_init(spank_t spank, int count, char** arguments) {
    if (!door::serves(spank)) return 0;
    door::become_agent(spank, site_of(count, arguments));
    return 0;
}

int slurm_spank_task_exit(spank_t spank, int, char**) {
    door::remove_leftovers(spank);
    door::requeue_if_asked();
    return 0;
}

int slurm_spank_exit(spank_t, int, char**) {
    door::remove_late_leftovers();
    return 0;
}

}  // extern "C"
