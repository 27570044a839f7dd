// The small languages inside option values: MIN:MAX, stream maps, lists of ranks, filters and
// signals, and numbers as Python writes them. Pure; every error is one clause that quotes the text,
// and the caller says which option it came from.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace torchelastic::options {

/// How many nodes the job may have. 0 < min <= max.
struct NodeRange {
    int min = 1;
    int max = 1;

    bool operator==(const NodeRange&) const = default;
};

/// How many workers each node runs: a number, or what the agent counts on its own node.
struct WorkersPerNode {
    enum class From {
        number,     ///< `number`, which is at least 1
        devices,    ///< "gpu": the accelerators; it is an error if there are none
        xpu,        ///< "xpu": Intel's GPUs; it is an error if there are none
        cpus,       ///< "cpu": the CPUs that the process may use
        automatic,  ///< "auto": the accelerators if there are any, else the CPUs
    };
    /// Beyond any machine: what is more is a slip.
    static constexpr int kMost = 65536;

    From from = From::number;
    int number = 1;

    bool operator==(const WorkersPerNode&) const = default;
};

/// First and last port, inclusive. 0 < first <= last.
using PortRange = std::pair<std::uint16_t, std::uint16_t>;

/// Standard streams of one worker.
struct Streams {
    bool out = false;
    bool err = false;

    bool operator==(const Streams&) const = default;
};

/// "3", or "0:1,2:3": which streams of which local rank.
struct StreamMap {
    Streams all;                   ///< of the ranks that `ranks` does not name
    std::map<int, Streams> ranks;  ///< by local rank

    Streams of(int local_rank) const;
    bool operator==(const StreamMap&) const = default;
};

/// Where --event-log-handler sends the JSON lines of events.
struct EventLog {
    enum class To { none, console, file };
    To to = To::none;
    std::string path;  ///< of To::file; empty: the user gave none

    bool operator==(const EventLog&) const = default;
};

/// --numa-binding: the CPUs to which a worker is bound, as seen from its device.
enum class NumaBinding { node, socket, exclusive, core_complex };

/// --signals-to-handle: what stops the job.
struct SignalList {
    std::set<int> signals;
    /// As they were written: names of no signal, and of signals that no program may catch or that
    /// the agent needs for itself (SIGKILL, SIGSTOP, SIGCHLD, those of its own faults).
    std::vector<std::string> unknown;

    bool operator==(const SignalList&) const = default;
};

/// Python's int(): blanks around, a sign, and '_' between digits are accepted; 0x10 and 1.5 are
/// not. Beyond 64 bits: nothing.
std::optional<std::int64_t> python_int(std::string_view text);

/// Python's float(): also 1e-2, inf and nan.
std::optional<double> python_float(std::string_view text);

/// What torchrun's int() makes of a flag's variable, and true, false, yes, no, on, off.
std::optional<bool> truth(std::string_view text);

/// A value as messages show it: in quotes, on one line, cut if long.
std::string in_quotes(std::string_view text);

Result<NodeRange> parse_nodes(std::string_view text);
Result<WorkersPerNode> parse_workers(std::string_view text);

/// "LOW-HIGH", or one port.
Result<PortRange> parse_ports(std::string_view text);

/// torchrun's grammar without its limit to ten local ranks; of a rank given twice the last wins.
Result<StreamMap> parse_streams(std::string_view text);

/// "0,1,2".
Result<std::set<int>> parse_ranks(std::string_view text);

/// "null", "dynamic_rendezvous" (both: none), "console", "file", "file:PATH".
Result<EventLog> parse_event_log(std::string_view text);

Result<NumaBinding> parse_numa_binding(std::string_view text);

/// "a,b": two texts; ",," stands for a comma inside one. Of an empty text, and between two
/// separators, comes an empty one, which is found in every line.
std::vector<std::string> parse_filters(std::string_view text);

/// "SIGTERM, SIGINT". Never an error, as in torchrun: who starts the job says what is unknown.
SignalList parse_signals(std::string_view text);

}  // namespace torchelastic::options
