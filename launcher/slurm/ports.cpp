// A shuffle that is drawn from the run id.
#include "slurm/ports.h"

#include <algorithm>
#include <numeric>

namespace torchelastic::slurm {

namespace {

/// FNV-1a, then SplitMix64: agents of any build must draw alike, and std::hash and the standard
/// distributions promise nothing of the kind.
class Draw {
public:
    explicit Draw(std::string_view seed) {
        for (const unsigned char byte : seed)
            state_ = (state_ ^ byte) * 0x100000001B3;
    }

    /// Below `bound`, which is far below 2^64: the bias of the remainder does not matter here.
    std::size_t below(std::size_t bound) {
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return static_cast<std::size_t>((z ^ (z >> 31)) % bound);
    }

private:
    std::uint64_t state_ = 0xCBF29CE484222325;
};

}  // namespace

std::vector<std::uint16_t> port_sequence(std::string_view run_id, std::size_t n, PortRange range) {
    if (range.first > range.last) return {};
    std::vector<std::uint16_t> ports(std::size_t{range.last} - range.first + 1);
    std::iota(ports.begin(), ports.end(), range.first);
    n = std::min(n, ports.size());
    Draw draw(run_id);
    for (std::size_t i = 0; i < n; ++i)
        std::swap(ports[i], ports[i + draw.below(ports.size() - i)]);
    ports.resize(n);
    return ports;
}

}  // namespace torchelastic::slurm
