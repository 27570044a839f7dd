// The small languages inside option values.
#include "options/values.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <iterator>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/signal_name.h"
#include "base/text.h"

namespace torchelastic::options {

namespace {

constexpr int kMaxInt = std::numeric_limits<int>::max();

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Without the '_' that Python allows between two digits; nothing if one stands elsewhere.
std::optional<std::string> without_underscores(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '_') {
            out += text[i];
        } else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) ||
                   !is_digit(text[i + 1])) {
            return std::nullopt;
        }
    }
    return out;
}

std::optional<int> whole(std::string_view text, int least) {
    const auto value = python_int(text);
    if (!value || *value < least || *value > kMaxInt) return std::nullopt;
    return static_cast<int>(*value);
}

/// Left to their meaning: nobody can catch the first two, the agent lives by the third, and the
/// others say that it is broken itself; the last one is the keeper's.
bool may_stop_the_job(int signal) {
    if (signal == SIGRTMAX) return false;
    constexpr int kNever[] = {SIGKILL, SIGSTOP, SIGCHLD, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    return std::find(std::begin(kNever), std::end(kNever), signal) == std::end(kNever);
}

std::optional<Streams> parse_mask(std::string_view text) {
    if (text.size() != 1 || text[0] < '0' || text[0] > '3') return std::nullopt;
    const int bits = text[0] - '0';
    return Streams{(bits & 1) != 0, (bits & 2) != 0};
}

}  // namespace

Streams StreamMap::of(int local_rank) const {
    const auto found = ranks.find(local_rank);
    return found == ranks.end() ? all : found->second;
}

std::optional<std::int64_t> python_int(std::string_view text) {
    const auto digits = without_underscores(trim(text));
    return digits ? parse_int(*digits) : std::nullopt;
}

std::optional<double> python_float(std::string_view text) {
    const auto plain = without_underscores(trim(text));
    if (!plain) return std::nullopt;
    std::string_view number = *plain;
    if (number.starts_with('+')) {
        number.remove_prefix(1);
        if (number.starts_with('-')) return std::nullopt;
    }
    // from_chars also reads C's nan(sequence), which is no Python.
    if (number.find('(') != std::string_view::npos) return std::nullopt;
    double value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (end != number.data() + number.size() || error == std::errc::invalid_argument) {
        return std::nullopt;
    }
    if (error == std::errc::result_out_of_range) {
        // Python says inf or 0.0; the exponent's sign tells which.
        const bool tiny = number.find("e-") != std::string_view::npos ||
                          number.find("E-") != std::string_view::npos;
        value = tiny ? 0.0 : std::numeric_limits<double>::infinity();
        if (number.starts_with('-')) value = -value;
    }
    return value;
}

std::optional<bool> truth(std::string_view text) {
    std::string word(trim(text));
    std::transform(word.begin(), word.end(), word.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    for (const char* yes : {"true", "t", "yes", "y", "on"}) {
        if (word == yes) return true;
    }
    for (const char* no : {"false", "f", "no", "n", "off"}) {
        if (word == no) return false;
    }
    const auto number = python_int(word);
    return number ? std::optional(*number != 0) : std::nullopt;
}

std::string in_quotes(std::string_view text) {
    return "'" + printable(text, 200) + "'";
}

Result<NodeRange> parse_nodes(std::string_view text) {
    const std::vector<std::string> parts = split(text, ':');
    const auto min = whole(parts.front(), 0);
    const auto max = whole(parts.back(), 0);
    if (parts.size() > 2 || !min || !max) {
        return failure(fmt::format("{} is neither a number of nodes nor MIN:MAX", in_quotes(text)));
    }
    if (*min < 1) return failure(fmt::format("{} asks for no node: at least 1", in_quotes(text)));
    if (*max < *min) {
        return failure(fmt::format("{} asks for at least {} and at most {} nodes", in_quotes(text),
                                   *min, *max));
    }
    return NodeRange{*min, *max};
}

Result<PortRange> parse_ports(std::string_view text) {
    const auto dash = text.find('-');
    const auto low = parse_int(text.substr(0, dash));
    const auto high = dash == std::string_view::npos ? low : parse_int(text.substr(dash + 1));
    if (!low || !high || *low < 1 || *high < *low || *high > 65535) {
        return failure(
            fmt::format("{} is not LOW-HIGH, two ports from 1 to 65535", in_quotes(text)));
    }
    return PortRange{static_cast<std::uint16_t>(*low), static_cast<std::uint16_t>(*high)};
}

Result<WorkersPerNode> parse_workers(std::string_view text) {
    using From = WorkersPerNode::From;
    if (text == "auto") return WorkersPerNode{From::automatic, 0};
    if (text == "gpu") return WorkersPerNode{From::devices, 0};
    if (text == "xpu") return WorkersPerNode{From::xpu, 0};
    if (text == "cpu") return WorkersPerNode{From::cpus, 0};
    const auto number = whole(text, 1);
    if (!number) {
        return failure(
            fmt::format("{} is not a number of workers: at least 1, or auto, gpu, cpu or xpu",
                        in_quotes(text)));
    }
    if (*number > WorkersPerNode::kMost) {
        return failure(fmt::format("{} is more than the {} workers that a node may have",
                                   in_quotes(text), WorkersPerNode::kMost));
    }
    return WorkersPerNode{From::number, *number};
}

Result<StreamMap> parse_streams(std::string_view text) {
    StreamMap map;
    if (const auto mask = parse_mask(text)) {
        map.all = *mask;
        return map;
    }
    for (const std::string& piece : split(text, ',')) {
        const auto colon = piece.find(':');
        const std::string_view rank = std::string_view(piece).substr(0, colon);
        const auto mask =
            colon == std::string::npos ? std::nullopt : parse_mask(piece.substr(colon + 1));
        const auto number = parse_int(rank);
        if (!mask || !number || *number > kMaxInt ||
            !std::all_of(rank.begin(), rank.end(), is_digit)) {
            return failure(fmt::format(
                "{} is neither 0 (none), 1 (stdout), 2 (stderr) or 3 (both) nor such masks by "
                "local rank, as in 0:3,1:2",
                in_quotes(text)));
        }
        map.ranks[static_cast<int>(*number)] = *mask;
    }
    return map;
}

Result<std::set<int>> parse_ranks(std::string_view text) {
    std::set<int> ranks;
    for (const std::string& piece : split(text, ',')) {
        const auto rank = whole(piece, 0);
        if (!rank) {
            return failure(
                fmt::format("{} is not a list of local ranks, as in 0,1,2", in_quotes(text)));
        }
        ranks.insert(*rank);
    }
    return ranks;
}

Result<EventLog> parse_event_log(std::string_view text) {
    constexpr std::string_view kFile = "file:";
    if (text == "null" || text == "dynamic_rendezvous") return EventLog{};
    if (text == "console") return EventLog{EventLog::To::console, ""};
    if (text == "file") return EventLog{EventLog::To::file, ""};
    if (text.starts_with(kFile) && text.size() > kFile.size()) {
        return EventLog{EventLog::To::file, std::string(text.substr(kFile.size()))};
    }
    return failure(fmt::format("{} is no place for events: null, console, file or file:PATH",
                               in_quotes(text)));
}

Result<NumaBinding> parse_numa_binding(std::string_view text) {
    if (text == "node") return NumaBinding::node;
    if (text == "socket") return NumaBinding::socket;
    if (text == "exclusive") return NumaBinding::exclusive;
    if (text == "core-complex") return NumaBinding::core_complex;
    return failure(fmt::format(
        "invalid choice: {} (choose from 'node', 'socket', 'exclusive', 'core-complex')",
        in_quotes(text)));
}

std::vector<std::string> parse_filters(std::string_view text) {
    std::vector<std::string> filters(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != ',') {
            filters.back() += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == ',') {
            filters.back() += ',';
            ++i;
        } else {
            filters.emplace_back();
        }
    }
    return filters;
}

SignalList parse_signals(std::string_view text) {
    SignalList list;
    for (const std::string& piece : split(text, ',')) {
        const std::string_view name = trim(piece);
        if (name.empty()) continue;
        const auto number = signal_number(name);
        if (number && may_stop_the_job(*number)) {
            list.signals.insert(*number);
        } else {
            list.unknown.emplace_back(name);
        }
    }
    return list;
}

}  // namespace torchelastic::options
