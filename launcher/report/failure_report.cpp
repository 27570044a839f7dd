// Formatting of the failure report.
#include "report/failure_report.h"

#include <algorithm>
#include <csignal>
#include <ctime>

#include <fmt/format.h>

#include "base/signal_name.h"
#include "base/text.h"

namespace torchelastic::report {

namespace {

using coordinator::WorkerFailure;

constexpr std::size_t kWidest = 60;
constexpr std::size_t kTextLimit = 64UL * 1024;

std::string local_time(std::int64_t seconds, const char* format) {
    const auto time = static_cast<std::time_t>(seconds);
    std::tm parts{};
    ::localtime_r(&time, &parts);
    char text[64];
    text[std::strftime(text, sizeof text, format, &parts)] = '\0';
    return text;
}

/// When it ended; and when its exception was raised, if ending took it long: what happened in the
/// meantime are others' timeouts.
std::string when(const WorkerFailure& failure) {
    constexpr std::int64_t kMicro = 1000000;
    constexpr std::int64_t kLong = 2;
    const std::int64_t seconds = failure.time_us / kMicro;
    std::string text = fmt::format("{}.{:03}", local_time(seconds, "%Y-%m-%d_%H:%M:%S"),
                                   failure.time_us % kMicro / 1000);
    if (failure.raised_s > 0 && failure.raised_s <= seconds - kLong) {
        text += fmt::format(" (raised at {})", local_time(failure.raised_s, "%H:%M:%S"));
    }
    return text;
}

/// Several lines, made printable, the second and later ones indented.
std::string indented(std::string_view text, const char* margin) {
    std::vector<std::string> lines = split(text, '\n');
    for (std::string& each : lines)
        each = printable(each, kTextLimit);
    return join(lines, std::string("\n") + margin);
}

std::string why(const WorkerFailure& failure) {
    if (!failure.traceback.empty()) return indented(trim(failure.traceback), "  ");
    if (!failure.message.empty()) return indented(trim(failure.message), "  ");
    if (failure.signal != 0) {
        return fmt::format("Signal {} ({}) received by PID {}", failure.signal,
                           signal_name(failure.signal), failure.pid);
    }
    return "To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html";
}

std::string_view last_line(std::string_view text) {
    text = trim(text);
    return trim(text.substr(text.rfind('\n') + 1));  // npos + 1 is 0
}

/// Without the traceback that was recorded, too: Python ends with printing it.
std::string_view stderr_before_traceback(const WorkerFailure& failure) {
    const std::string_view text = failure.stderr_end;
    if (failure.traceback.empty() || last_line(text) != last_line(failure.traceback)) return text;
    return text.substr(0, text.rfind("Traceback (most recent call last):"));
}

/// What torchrun's report does not have, each where it is known.
std::string more(const WorkerFailure& failure) {
    std::string text;
    if (!failure.out_of_memory.empty() && failure.signal != SIGKILL) {
        text += fmt::format("  memory    : the kernel killed a process of this node's job: {}\n",
                            failure.out_of_memory);
    }
    const std::string_view said = stderr_before_traceback(failure);
    if (!trim(said).empty()) {
        text +=
            fmt::format("  stderr    : the end of {}{}:\n    {}\n", printable(failure.stderr_file),
                        said.size() < failure.stderr_end.size() ? ", before the traceback" : "",
                        indented(said.substr(0, said.find_last_not_of('\n') + 1), "    "));
    }
    return text;
}

/// " (SIGSEGV: invalid memory reference, core dumped)".
std::string how(const WorkerFailure& failure) {
    if (failure.never_started) return " (never started)";
    return failure.signal != 0 ? fmt::format(" ({})", coordinator::signal_words(failure)) : "";
}

std::string block(std::size_t index, const WorkerFailure& failure) {
    const int code = failure.signal != 0 ? -failure.signal : coordinator::shell_code(failure);
    return fmt::format(
        "[{}]:\n"
        "  time      : {}\n"
        "  host      : {}\n"
        "  rank      : {} (local_rank: {})\n"
        "  exitcode  : {} (pid: {}){}\n"
        "  error_file: {}\n"
        "  traceback : {}\n"
        "{}",
        index, when(failure), printable(failure.agent), failure.rank, failure.local_rank, code,
        failure.pid, how(failure),
        failure.error_file.empty() ? "<N/A>" : printable(failure.error_file), why(failure),
        more(failure));
}

}  // namespace

std::string rank_ranges(std::vector<int> ranks) {
    std::sort(ranks.begin(), ranks.end());
    std::vector<std::string> ranges;
    for (std::size_t i = 0; i < ranks.size();) {
        std::size_t last = i;
        while (last + 1 < ranks.size() && ranks[last + 1] <= ranks[last] + 1)
            ++last;
        ranges.push_back(ranks[last] == ranks[i] ? fmt::format("{}", ranks[i])
                                                 : fmt::format("{}-{}", ranks[i], ranks[last]));
        i = last + 1;
    }
    return join(ranges, ", ");
}

std::string failure_report(const std::string& program, const std::vector<WorkerFailure>& failures) {
    if (failures.empty()) return "";
    const std::string title = printable(program) + " FAILED";
    std::string root = block(0, failures.front());
    std::string others;
    std::vector<int> victims;
    std::size_t blocks = 1;
    for (std::size_t i = 1; i < failures.size(); ++i) {
        if (failures[i].ordered) {
            victims.push_back(failures[i].rank);
        } else {
            others += block(blocks++, failures[i]);
        }
    }
    if (others.empty()) others = "  <NO_OTHER_FAILURES>\n";
    if (!victims.empty()) {
        others += fmt::format("  (rank{} {} stopped on its account)\n",
                              victims.size() == 1 ? "" : "s", rank_ranges(victims));
    }
    std::size_t width = title.size();
    for (const std::string& line : split(root + others, '\n'))
        width = std::max(width, line.size());
    width = std::min(width, kWidest);
    const std::string border(width, '=');
    const std::string section(width, '-');
    return fmt::format(
        "\n{0}\n{1}\n{2}\nRoot Cause (first observed failure):\n{3}{2}\nOther Failures:\n{4}{0}\n",
        border, title, section, root, others);
}

}  // namespace torchelastic::report
