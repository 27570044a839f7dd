// How a torch client writes: the mirror of store/codec.h, for tests only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/codec.h"

namespace torchelastic::store::wire {

inline const std::string kGreeting("\x00\xCE\xF7\x85\x3C", 5);

inline std::string u64(std::uint64_t value) {
    return encode_number(static_cast<std::int64_t>(value));
}

inline std::string text(std::string_view bytes) {
    return encode_bytes(bytes);
}

inline std::string keys(const std::vector<std::string>& keys) {
    std::string out = u64(keys.size());
    for (const std::string& key : keys) {
        out += text(key);
    }
    return out;
}

inline std::string op(int code, std::string_view arguments = {}) {
    return std::string(1, static_cast<char>(code)) + std::string(arguments);
}

/// A request of torch >= 2.2 (watch_key, which it lacks, is empty).
inline std::string v2(const Request& request) {
    switch (request.op) {
        case Op::set:
            return op(1, text(request.key) + text(request.value));
        case Op::compare_set:
            return op(2, text(request.key) + text(request.expected) + text(request.value));
        case Op::get:
            return op(3, text(request.key));
        case Op::add:
            return op(4, text(request.key) + encode_number(request.number));
        case Op::check:
            return op(5, keys(request.keys));
        case Op::wait:
            return op(6, keys(request.keys));
        case Op::num_keys:
            return op(7);
        case Op::delete_key:
            return op(8, text(request.key));
        case Op::append:
            return op(9, text(request.key) + text(request.value));
        case Op::multi_get:
            return op(10, keys(request.keys));
        case Op::multi_set: {
            std::string pairs = u64(request.keys.size());
            for (std::size_t i = 0; i < request.keys.size(); ++i) {
                pairs += text(request.keys[i]) + text(request.values[i]);
            }
            return op(11, pairs);
        }
        case Op::cancel_wait:
            return op(12);
        case Op::ping:
            return op(13, encode_nonce(static_cast<std::uint32_t>(request.number)));
        case Op::queue_push:
            return op(14, text(request.key) + text(request.value));
        case Op::queue_pop:
            return op(15, text(request.key));
        case Op::queue_length:
            return op(16, text(request.key));
        case Op::list_keys:
            return op(17);
        case Op::barrier:
            return op(18, text(request.key) + encode_number(request.number));
        case Op::watch_key:
            break;
    }
    return {};
}

}  // namespace torchelastic::store::wire
