// Framing.
#include "wire/frame.h"

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::wire {

namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::string_view kMagic = kPreamble.substr(0, kPreamble.size() - 1);
constexpr unsigned char kLastOfTorchsQueries = 0x0C;

}  // namespace

std::string frame(std::string_view payload) {
    std::string out;
    out.reserve(kLengthBytes + payload.size());
    for (int shift = 24; shift >= 0; shift -= 8) {
        out.push_back(static_cast<char>((payload.size() >> shift) & 0xFF));
    }
    out.append(payload);
    return out;
}

/// Tells an agent that the user meant to take part from whatever else connects to ports.
Error FrameReader::refuse(std::string_view start) {
    const auto byte = [](char c) { return static_cast<unsigned char>(c); };
    foreign_agent_ = true;
    if (start.starts_with(kMagic)) {
        return Error(fmt::format(
            "the peer speaks version {} of the agents' protocol, this node version {}: use the "
            "same release of torchelastic on all nodes",
            byte(start.back()), byte(kPreamble.back())));
    }
    if (byte(start.front()) <= kLastOfTorchsQueries) {
        return Error(
            "the peer speaks the protocol of torch's store, as torchrun's agents do: start "
            "torchelastic on all nodes");
    }
    foreign_agent_ = false;
    return Error(
        fmt::format("the peer does not speak our protocol: it began with '{}'", printable(start)));
}

Result<std::optional<std::string>> FrameReader::next() {
    std::string_view rest = std::string_view(buffer_).substr(read_);
    if (!greeted_) {
        const std::string_view start = rest.substr(0, kPreamble.size());
        if (start != kPreamble.substr(0, start.size())) {
            return failure(refuse(start));
        }
        if (start.size() < kPreamble.size()) return std::nullopt;
        greeted_ = true;
        read_ += kPreamble.size();
        rest.remove_prefix(kPreamble.size());
    }
    if (rest.size() < kLengthBytes) return std::nullopt;
    std::size_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i) {
        length = length << 8 | static_cast<unsigned char>(rest[i]);
    }
    if (length > limit_) {
        return failure(fmt::format("a frame of {} bytes is over the limit of {}", length, limit_));
    }
    if (rest.size() < kLengthBytes + length) return std::nullopt;
    std::string payload(rest.substr(kLengthBytes, length));
    read_ += kLengthBytes + length;
    if (read_ == buffer_.size()) {
        buffer_.clear();
        read_ = 0;
    } else if (read_ > (1U << 16)) {
        buffer_.erase(0, read_);
        read_ = 0;
    }
    return payload;
}

}  // namespace torchelastic::wire
