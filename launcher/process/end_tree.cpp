// Scan, mark, kill, reap, until there is nothing to reap. Neither allocates nor locks.
#include "process/end_tree.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <ctime>

#include "process/numbered.h"
#include "process/tree.h"

namespace torchelastic::process {

namespace {

struct Link {
    pid_t pid;
    pid_t parent;
    bool below;
};

// Static, because a signal handler's stack is small; untouched pages cost nothing.
constexpr std::size_t kMost = 1U << 15;
Link links[kMost];

std::size_t scan() {
    const int proc = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0) return 0;
    std::size_t n = 0;
    each_numbered(proc, [&](int pid) {
        char path[24] = {};
        const auto end = std::to_chars(path, path + 16, pid).ptr;
        std::memcpy(end, "/stat", 6);
        char text[1024];
        const long length = read_small(proc, path, text, sizeof text);
        if (length <= 0 || n == kMost) return;
        const auto stat = parse_stat({text, static_cast<std::size_t>(length)});
        if (stat) links[n++] = {stat->pid, stat->parent, false};
    });
    ::close(proc);
    return n;
}

/// Marks what descends from `root`. The order of /proc is that of pids.
void mark(std::size_t n, pid_t root) {
    Link* const end = links + n;
    std::sort(links, end, [](const Link& a, const Link& b) { return a.pid < b.pid; });
    for (bool changed = true; changed;) {
        changed = false;
        for (Link* link = links; link != end; ++link) {
            if (link->below || link->pid == root) continue;
            const Link* parent =
                std::lower_bound(links, end, link->parent,
                                 [](const Link& entry, pid_t pid) { return entry.pid < pid; });
            const bool has_parent = parent != end && parent->pid == link->parent;
            link->below = link->parent == root || (has_parent && parent->below);
            changed = changed || link->below;
        }
    }
}

/// Takes all who are dead. False if this process has no children.
bool reap_all() {
    for (;;) {
        const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
        if (pid == 0) return true;
        if (pid < 0 && errno != EINTR) return false;
    }
}

}  // namespace

bool end_tree(Duration limit) {
    const auto give_up = std::chrono::steady_clock::now() + limit;
    const pid_t self = ::getpid();
    long pause = 200'000;  // nanoseconds
    while (reap_all()) {
        const std::size_t n = scan();
        mark(n, self);
        std::for_each(links, links + n, [](const Link& link) {
            if (link.below) ::kill(link.pid, SIGKILL);
        });
        if (std::chrono::steady_clock::now() >= give_up) return false;
        const timespec nap{0, pause};
        ::nanosleep(&nap, nullptr);
        pause = std::min(pause * 2, 50'000'000L);
    }
    return true;
}

}  // namespace torchelastic::process
