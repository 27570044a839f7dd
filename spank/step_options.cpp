// Registration and checks of options. Values are kept by Slurm, not here.
#include "spank/step_options.h"

#include "spank/login.h"
#include "spank/request.h"
#include "spank/submission.h"

namespace torchelastic::door {

namespace {

using options::Kind;
using options::kOptionCount;
using options::kOptions;
using options::Option;

/// Slurm lists the options of all plugins under one heading, in the order of plugstack.conf.
constexpr const char* kHeading = "[torchelastic] ";
constexpr int kFirstOfTable = 1;  // `val` of kOptions[0]; 0 is the switch

spank_option describe(const Option& option) {
    const bool flag = option.kind == Kind::flag;
    return {const_cast<char*>(option.name),
            const_cast<char*>(option.metavar),
            const_cast<char*>(option.help),
            flag ? 0 : 1,
            0,
            nullptr};
}

spank_option describe_switch() {
    return {const_cast<char*>(kSwitch),
            const_cast<char*>("on|off"),
            const_cast<char*>("Run the program as the workers of one elastic job: on each node one "
                              "agent starts them, as torchrun does; on if no value is given"),
            2,
            0,
            nullptr};
}

int check_here(int val, const char* value) {
    if (val == 0) return flip_switch(value) ? 0 : -1;
    const Option& option = kOptions[val - kFirstOfTable];
    const std::string words = complaint(option, value);
    if (words.empty()) {
        if (spank_context() == S_CTX_ALLOCATOR && std::string_view(option.name) == "nnodes")
            want_no_kill(value);
        return 0;
    }
    slurm_error("torchelastic: %s", words.c_str());
    return -1;
}

/// Slurm calls it where the user types, once per source (the job's environment, the command line),
/// and again in slurmstepd, where it is too late to complain: by then all nodes have a task.
int check(int val, const char* value, int remote) {
    if (remote) return 0;
    try {
        return check_here(val, value);
    } catch (...) {  // above it is C; the agent checks again
        return 0;
    }
}

/// Slurm copies what it is given.
void register_option(spank_t spank, spank_option option, int val) {
    std::string usage = std::string(kHeading) + option.usage;
    option.usage = usage.data();
    option.val = val;
    option.cb = check;
    spank_option_register(spank, &option);
}

}  // namespace

void register_options(spank_t spank) {
    register_option(spank, describe_switch(), 0);
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        if (!kOptions[i].srun) continue;
        register_option(spank, describe(kOptions[i]), kFirstOfTable + static_cast<int>(i));
    }
}

const char* given(spank_t spank, const Option& option) {
    spank_option wanted = describe(option);
    char* value = nullptr;
    if (spank_option_getopt(spank, &wanted, &value) != ESPANK_SUCCESS) return nullptr;
    return is_bare(value) ? "" : value;
}

const char* given(spank_t spank, std::string_view name) {
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        if (name == kOptions[i].name) return given(spank, kOptions[i]);
    }
    return nullptr;
}

bool is_elastic(spank_t spank) {
    spank_option wanted = describe_switch();
    char* value = nullptr;
    return spank_option_getopt(spank, &wanted, &value) == ESPANK_SUCCESS &&
           read_switch(value).value_or(false);
}

}  // namespace torchelastic::door
