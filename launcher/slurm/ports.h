// Where the first node of a step listens when nothing but the run id is shared. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace torchelastic::slurm {

/// Both ends belong to it. The default lies below Linux's ephemeral ports (32768-60999), which
/// outgoing connections take at random, and above the ports that services register.
struct PortRange {
    std::uint16_t first = 20000;
    std::uint16_t last = 31999;
};

/// The ports that every agent of the run derives alike, without repeats, `n` of them or as many as
/// the range has. The first node's agent listens at the first one that is free there; the others
/// try them in this order and take the one that proves to know the run's token. Different runs get
/// unrelated sequences, so that jobs sharing a node rarely meet.
std::vector<std::uint16_t> port_sequence(std::string_view run_id, std::size_t n,
                                         PortRange range = {});

}  // namespace torchelastic::slurm
