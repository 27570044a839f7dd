// Formatting of the failure report.
#include "report/failure_report.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "base/signal_name.h"
#include "base/text.h"

namespace torchelastic::report {

namespace {

using coordinator::WorkerFailure;

constexpr std::size_t kWidest = 60;
constexpr std::size_t kTextLimit = 64UL * 1024;

std::string local_time(std::int64_t time_us) {
    constexpr std::int64_t kMicro = 1000000;
    const auto seconds = static_cast<std::time_t>(time_us / kMicro);
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%Y-%m-%d_%H:%M:%S", &parts);
    return fmt::format("{}.{:03}", text, time_us % kMicro / 1000);
}

/// Several lines, made printable, the second and later ones indented.
std::string indented(const std::string& text) {
    std::vector<std::string> lines = split(trim(text), '\n');
    for (std::string& each : lines)
        each = printable(each, kTextLimit);
    return join(lines, "\n  ");
}

std::string why(const WorkerFailure& failure) {
    if (!failure.traceback.empty()) return indented(failure.traceback);
    if (!failure.message.empty()) return indented(failure.message);
    if (failure.signal != 0) {
        return fmt::format("Signal {} ({}) received by PID {}", failure.signal,
                           signal_name(failure.signal), failure.pid);
    }
    return "To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html";
}

std::string block(std::size_t index, const WorkerFailure& failure) {
    const int code = failure.signal != 0 ? -failure.signal : coordinator::shell_code(failure);
    const std::string signal =
        failure.signal != 0 ? fmt::format(" ({})", signal_name(failure.signal)) : "";
    return fmt::format(
        "[{}]:\n"
        "  time      : {}\n"
        "  host      : {}\n"
        "  rank      : {} (local_rank: {})\n"
        "  exitcode  : {} (pid: {}){}\n"
        "  error_file: {}\n"
        "  traceback : {}\n",
        index, local_time(failure.time_us), printable(failure.agent), failure.rank,
        failure.local_rank, code, failure.pid, signal,
        failure.error_file.empty() ? "<N/A>" : printable(failure.error_file), why(failure));
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
