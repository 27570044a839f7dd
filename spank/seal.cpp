// The words of the seal, put before the program's name and taken off.
#include "spank/seal.h"

#include <cstring>
#include <string_view>

namespace torchelastic::door {

namespace {

/// One name of a folder, so at most 255 bytes, that no file system has. Nodes of a cluster that is
/// being updated have plugins of two releases: these words are a format.
constexpr std::string_view kSeal =
    "/torchelastic: this node has no plugin for srun --torchelastic: add it to plugstack.conf here "
    "(slurmd's log says if it did not load), or use --torchelastic=off; not started: ";
static_assert(kSeal.size() < 200);

}  // namespace

std::string seal(const std::string& program) {
    return program.starts_with(kSeal) ? program : std::string(kSeal) + program;
}

void unseal(char* program) {
    if (!std::string_view(program).starts_with(kSeal)) return;
    const char* name = program + kSeal.size();
    std::memmove(program, name, std::strlen(name) + 1);
}

}  // namespace torchelastic::door
