// The small languages inside option values: MIN:MAX, stream maps, rank lists, the rendezvous
// configuration, and numbers as Python writes them. Pure; every error is one clause that quotes
// the text, and the caller says which option it came from.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

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
        cpus,       ///< "cpu": the CPUs that the process may use
        automatic,  ///< "auto": the accelerators if there are any, else the CPUs
    };
    From from = From::number;
    int number = 1;

    bool operator==(const WorkersPerNode&) const = default;
};

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

/// --rdzv-conf.
struct RendezvousConf {
    /// How long a round may wait for the nodes it needs. Above 0.
    std::chrono::seconds join_timeout{600};
    /// An agent that was silent for interval * max_attempt is lost. Both above 0.
    std::chrono::milliseconds keep_alive_interval{1000};
    int keep_alive_max_attempt = 3;
    /// First and last port, inclusive, on which a coordinator may listen; nothing: its own choice.
    std::optional<std::pair<std::uint16_t, std::uint16_t>> port_range;
    /// How long the pmix backend waits for the processes that its launcher started. Above 0.
    std::chrono::seconds pmix_timeout{60};

    bool operator==(const RendezvousConf&) const = default;
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

/// torchrun's grammar without its limit to ten local ranks; of a rank given twice the last wins.
Result<StreamMap> parse_streams(std::string_view text);

/// "0,1,2".
Result<std::set<int>> parse_ranks(std::string_view text);

/// "key=value,...". torchrun's grammar, but an unknown key is an error: there it is ignored, and
/// a misspelt timeout is never noticed.
Result<RendezvousConf> parse_rendezvous_conf(std::string_view text);

}  // namespace torchelastic::options
