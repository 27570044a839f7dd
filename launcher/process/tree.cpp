// Reads /proc.
#include "process/tree.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <map>

#include "base/fd.h"
#include "base/text.h"
#include "process/numbered.h"

namespace torchelastic::process {

namespace {

#ifdef SYS_pidfd_open
constexpr long kPidfdOpen = SYS_pidfd_open;
constexpr long kPidfdSendSignal = SYS_pidfd_send_signal;
#else
constexpr long kPidfdOpen = 434;
constexpr long kPidfdSendSignal = 424;
#endif

/// Takes the next field, which ends at a blank, off the front.
std::string_view next_field(std::string_view& text) {
    const auto end = text.find(' ');
    const std::string_view field = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return field;
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
    return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc();
}

Fd open_directory(const std::string& path) {
    return Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::optional<Process> read_process(int proc, pid_t pid) {
    char text[1024];
    const std::string path = std::to_string(pid) + "/stat";
    const long length = read_small(proc, path.c_str(), text, sizeof text);
    if (length <= 0) return std::nullopt;
    const auto stat = parse_stat(std::string_view(text, static_cast<std::size_t>(length)));
    if (!stat) return std::nullopt;
    return Process{
        stat->pid,        stat->parent,           stat->group, stat->session, stat->state,
        stat->start_time, std::string(stat->name)};
}

std::vector<pid_t> read_pids(int directory, const std::string& path) {
    std::vector<pid_t> pids;
    std::vector<char> text(4096);
    long length = 0;
    // The file cannot be continued after a change: it is read in one go or again.
    for (;; text.resize(text.size() * 4)) {
        length = read_small(directory, path.c_str(), text.data(), text.size());
        if (length < static_cast<long>(text.size())) break;
    }
    if (length <= 0) return pids;
    for (const std::string& word :
         split(std::string_view(text.data(), static_cast<std::size_t>(length)), ' ')) {
        pid_t pid = 0;
        if (read_number(word, pid)) pids.push_back(pid);
    }
    return pids;
}

/// Follows the kernel's own lists of children, thread by thread.
void add_children(int proc, pid_t parent, const std::set<pid_t>& spare, std::vector<Process>& all) {
    const std::string tasks = std::to_string(parent) + "/task";
    const Fd directory(::openat(proc, tasks.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return;
    std::vector<pid_t> children;
    each_numbered(directory.get(), [&](int thread) {
        for (const pid_t pid : read_pids(directory.get(), std::to_string(thread) + "/children")) {
            if (!spare.contains(pid)) children.push_back(pid);
        }
    });
    for (const pid_t pid : children) {
        if (auto process = read_process(proc, pid)) {
            all.push_back(std::move(*process));
            add_children(proc, pid, spare, all);
        }
    }
}

bool lists_children(int proc, pid_t pid) {
    const std::string text = std::to_string(pid);
    return ::faccessat(proc, (text + "/task/" + text + "/children").c_str(), R_OK, 0) == 0;
}

}  // namespace

std::optional<Stat> parse_stat(std::string_view text) {
    // 4711 (a name) with ) and blanks) S 1 4711 4711 ...: the last parenthesis ends the name.
    const auto open = text.find(" (");
    const auto close = text.rfind(") ");
    if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2) {
        return std::nullopt;
    }
    Stat stat;
    stat.name = text.substr(open + 2, close - open - 2);
    if (!read_number(text.substr(0, open), stat.pid)) return std::nullopt;
    text.remove_prefix(close + 2);
    const std::string_view state = next_field(text);
    if (state.size() != 1) return std::nullopt;
    stat.state = state[0];
    if (!read_number(next_field(text), stat.parent) || !read_number(next_field(text), stat.group) ||
        !read_number(next_field(text), stat.session)) {
        return std::nullopt;
    }
    constexpr int kBetween = 15;  // fields 7 to 21 of proc(5)
    for (int i = 0; i < kBetween; ++i) {
        next_field(text);
    }
    if (!read_number(next_field(text), stat.start_time)) return std::nullopt;
    return stat;
}

std::vector<Process> descendants_among(const std::vector<Process>& all, pid_t root,
                                       const std::set<pid_t>& spare) {
    std::multimap<pid_t, const Process*> by_parent;
    for (const Process& process : all) {
        by_parent.emplace(process.parent, &process);
    }
    std::vector<Process> found;
    std::vector<pid_t> parents{root};
    for (std::size_t next = 0; next < parents.size(); ++next) {
        const auto [first, last] = by_parent.equal_range(parents[next]);
        for (auto entry = first; entry != last; ++entry) {
            const Process& process = *entry->second;
            if (process.pid == root || spare.contains(process.pid)) continue;
            found.push_back(process);
            parents.push_back(process.pid);
        }
        by_parent.erase(first, last);
    }
    return found;
}

std::optional<Process> look_at(pid_t pid) {
    const Fd proc = open_directory("/proc");
    return proc ? read_process(proc.get(), pid) : std::nullopt;
}

Result<std::vector<Process>> all_processes(const std::string& proc) {
    const Fd directory = open_directory(proc);
    if (!directory) return failure(Error::from_errno("open " + proc));
    std::vector<Process> all;
    const bool whole = each_numbered(directory.get(), [&](int pid) {
        if (auto process = read_process(directory.get(), pid)) all.push_back(std::move(*process));
    });
    if (!whole) return failure(Error::from_errno("read " + proc));
    return all;
}

Result<std::vector<Process>> descendants(pid_t root, const std::set<pid_t>& spare,
                                         const std::string& proc) {
    const Fd directory = open_directory(proc);
    if (!directory) return failure(Error::from_errno("open " + proc));
    std::vector<Process> found;
    if (lists_children(directory.get(), root)) add_children(directory.get(), root, spare, found);
    // A list that says "none" may have missed some while others died: only the scan is believed.
    if (!found.empty()) return found;
    auto all = all_processes(proc);
    if (!all) return failure(std::move(all).error());
    return descendants_among(*all, root, spare);
}

void signal_process(const Process& process, int signal) {
    const Fd pidfd(static_cast<int>(::syscall(kPidfdOpen, process.pid, 0U)));
    if (!pidfd) {
        if (errno == ENOSYS) ::kill(process.pid, signal);
        return;
    }
    const auto found = look_at(process.pid);
    if (!found || found->start_time != process.start_time) return;
    ::syscall(kPidfdSendSignal, pidfd.get(), signal, nullptr, 0U);
}

std::string words(const Process& process) {
    return printable(process.name) + " (pid " + std::to_string(process.pid) + ", state " +
           process.state + ")";
}

}  // namespace torchelastic::process
