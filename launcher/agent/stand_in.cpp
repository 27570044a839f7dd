// exec, half a millisecond after the first one.
#include "agent/stand_in.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace torchelastic::agent {

namespace {

constexpr std::string_view kDescriptors = "/proc/self/fd/";
constexpr const char* kName = "torchelastic";
constexpr int kUsage = 64;

/// As spank/container.cpp writes it.
std::string own_root() {
    struct stat root {};
    if (::stat("/", &root) != 0) return {};
    return fmt::format("{}:{}", root.st_dev, root.st_ino);
}

[[noreturn]] void become(const char* agent, char** argv) {
    std::string name = agent;
    argv[0] = name.data();
    ::execv(agent, argv);
    const std::string words = fmt::format(
        "torchelastic: error: cannot run the agent {}: {}; install it on every node, or name its "
        "place by agent= in plugstack.conf\n",
        agent, std::strerror(errno));
    std::fputs(words.c_str(), stderr);
    ::_exit(kUsage);
}

/// For who looks at ps: else the number of the descriptor is all that it shows.
void take_name(char* path) {
    ::prctl(PR_SET_NAME, kName);
    const std::size_t room = std::strlen(path);
    if (room < std::strlen(kName)) return;
    std::fill_n(path, room, '\0');
    std::copy_n(kName, std::strlen(kName), path);
}

}  // namespace

void make_way(char** argv) {
    if (argv[0] == nullptr || !std::string_view(argv[0]).starts_with(kDescriptors)) return;
    ::close(std::atoi(argv[0] + kDescriptors.size()));
    const char* agent = std::getenv("TORCHELASTIC_STEP_AGENT");
    const char* root = std::getenv("TORCHELASTIC_STEP_ROOT");
    if (agent != nullptr && root != nullptr && own_root() == root) become(agent, argv);
    take_name(argv[0]);
}

}  // namespace torchelastic::agent
