// Frames of the agents' protocol: u32 length, big-endian, then that many bytes. A stream opens with
// a preamble whose first byte no torch dialect starts with (c10d sends 0x00 to 0x0C). Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace torchelastic::wire {

/// What either side sends first: magic and, as its last byte, the protocol's version.
inline constexpr std::string_view kPreamble{"\xE5TELAST\x01", 8};

/// The most that a peer may send in one frame before, and after, it has proved who it is.
inline constexpr std::size_t kUnprovenLimit = 1024;
inline constexpr std::size_t kProvenLimit = 4U << 20;

/// The frame that carries `payload`.
std::string frame(std::string_view payload);

/// Cuts a byte stream into a preamble and payloads, however it is fragmented.
class FrameReader {
public:
    explicit FrameReader(std::size_t limit) : limit_(limit) {}
    void raise_limit(std::size_t limit) { limit_ = limit; }

    void feed(std::string_view bytes) { buffer_.append(bytes); }

    /// The next payload; nothing as long as it is incomplete. An error (not our preamble, a frame
    /// over the limit) is final: close the connection.
    Result<std::optional<std::string>> next();

    /// What made next() fail is an agent, but none that can take part: one that speaks another
    /// version, or torchrun's.
    bool met_foreign_agent() const { return foreign_agent_; }

private:
    Error refuse(std::string_view start);

    std::size_t limit_;
    bool greeted_ = false;
    bool foreign_agent_ = false;
    std::string buffer_;
    std::size_t read_ = 0;
};

}  // namespace torchelastic::wire
