// Who listens is the kernel's to say: the masks of /proc/<pid>/status.
#include "process/notify.h"

#include <charconv>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <fmt/format.h>

#include "base/text.h"
#include "process/tree.h"

namespace torchelastic::process {

namespace {

/// The mask behind a name such as "SigCgt:"; 0 if there is none.
std::uint64_t mask(std::string_view status, std::string_view name) {
    const auto found = status.find(name);
    if (found == std::string_view::npos) return 0;
    const std::string_view rest = status.substr(found + name.size());
    const std::string_view digits = trim(rest.substr(0, rest.find('\n')));
    std::uint64_t bits = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
    return bits;
}

bool process_listens(pid_t pid, int signal) {
    std::ifstream file(fmt::format("/proc/{}/status", pid));
    return listens(std::string{std::istreambuf_iterator<char>(file), {}}, signal);
}

}  // namespace

bool listens(std::string_view status, int signal) {
    const auto has = [](std::uint64_t bits, int number) { return (bits >> (number - 1) & 1) != 0; };
    if (has(mask(status, "\nSigCgt:"), signal)) return true;
    // C libraries and shells hold everything back for the moment in which they make a process.
    const std::uint64_t held = mask(status, "\nSigBlk:");
    return has(held, signal) && !has(held, SIGSEGV);
}

int notify_tree(pid_t root, int signal) {
    const auto first = look_at(root);
    if (!first || first->state == 'Z') return 0;
    if (process_listens(root, signal)) {
        signal_process(*first, signal);
        return 1;
    }
    const auto below = descendants(root);
    if (!below) return 0;
    int told = 0;
    std::set<pid_t> done;  // those who were told, and who descends from them
    for (const Process& each : *below) {
        const bool covered = done.contains(each.parent);
        if (!covered && !process_listens(each.pid, signal)) continue;
        done.insert(each.pid);
        if (covered) continue;
        signal_process(each, signal);
        told += 1;
    }
    return told;
}

}  // namespace torchelastic::process
