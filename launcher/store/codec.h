// The wire of torch's TCPStore as values: bytes of a client in, requests out; answers in, bytes
// out. It touches no socket and keeps no keys.
//
// There is no framing, no length of a message and no request id: a request is one byte of opcode
// and its arguments. Numbers are little-endian, texts are a u64 length and bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace torchelastic::store {

/// Which numbering of opcodes a connection speaks; decided by its first one to five bytes.
enum class Dialect : std::uint8_t {
    unknown,
    l1,  ///< torch <= 2.0: no greeting. 2.1 is read as L1 too, by guess: no binary was at hand.
    v2,  ///< torch >= 2.2: opens with VALIDATE (00 CE F7 85 3C); later releases only append opcodes
};

/// What a client can ask. `watch_key` exists in L1 only, `ping` and everything after it in V2 only.
enum class Op : std::uint8_t {
    set,
    compare_set,
    get,
    add,
    check,
    wait,
    num_keys,
    delete_key,
    append,
    multi_get,
    multi_set,
    cancel_wait,
    ping,
    queue_push,
    queue_pop,
    queue_length,
    list_keys,
    barrier,
    watch_key,
};

/// The protocol's own name, for people: "COMPARE_SET".
std::string_view name(Op op);

/// One request; fields that its operation lacks are empty. Keys are as on the wire: torch puts "/"
/// before every user's key.
struct Request {
    Op op = Op::set;
    std::string key;
    std::string value;                ///< set, append, queue_push; compare_set: the desired one
    std::string expected;             ///< compare_set
    std::int64_t number = 0;          ///< add: delta; barrier: world size; ping: nonce
    std::vector<std::string> keys;    ///< check, wait, multi_get, multi_set
    std::vector<std::string> values;  ///< multi_set: as many as keys

    bool operator==(const Request&) const = default;
};

/// The most that one request may claim: the limits of torch's own libuv server, its default since
/// 2.4. They are checked before anything is allocated.
inline constexpr std::size_t kMaxKey = 8 * 1024;
inline constexpr std::size_t kMaxValue = 8 * 1024 * 1024;
inline constexpr std::size_t kMaxKeys = 128 * 1024;

/// Reads one connection. Bytes may come in any pieces: each is looked at once.
class Decoder {
public:
    /// Takes bytes off the front of `input` until a request is whole, and returns it, or until all
    /// are taken, and returns nothing. After an error the connection is of no more use; the words
    /// say what came, and what to do where torch may be newer than this program.
    Result<std::optional<Request>> next(std::string_view& input);

    Dialect dialect() const { return dialect_; }

    /// Whether a greeting or a request has begun and is not whole.
    bool incomplete() const { return expect_ != Expect::opcode || !scratch_.empty(); }

    /// Memory that the incomplete request takes.
    std::size_t held() const { return held_; }

private:
    enum class Expect : std::uint8_t { opening, opcode, length, text, count, number, nonce };
    enum class Slot : std::uint8_t { key, value, expected, item_key, item_value };

    bool collect(std::string_view& input);
    Result<bool> digest(std::string_view rest);
    Result<bool> open(std::string_view rest);
    Result<bool> begin(std::uint8_t opcode, std::string_view rest);
    std::optional<Op> meaning(std::uint8_t opcode);
    bool next_field();
    bool next_item();
    void expect_length(Slot slot);
    void expect(Expect what, std::size_t size);
    Result<bool> take_length();
    Result<bool> take_count();
    std::string& text();

    Dialect dialect_ = Dialect::unknown;
    bool watches_only_ = true;

    Expect expect_ = Expect::opcode;
    Slot slot_ = Slot::key;
    std::size_t field_ = 0;
    std::size_t missing_ = 1;
    std::size_t items_left_ = 0;
    std::string scratch_;
    Request request_;
    std::size_t held_ = 0;
};

/// The one-byte answers.
enum class Answer : std::uint8_t {
    ready = 0,
    not_ready = 1,
    stop_waiting = 0,
    wait_canceled = 1,
    watch_registered = 3,
};

/// What happened to a watched key.
enum class Change : std::uint8_t { updated = 0, created = 1, deleted = 2 };

/// Answers, the same in both dialects.
std::string encode(Answer answer);
std::string encode_number(std::int64_t number);
std::string encode_nonce(std::uint32_t nonce);
std::string encode_bytes(std::string_view bytes);
std::string encode_change(Change change, std::string_view key, std::string_view before,
                          std::string_view after);

/// Pieces of longer answers.
void append_number(std::string& out, std::int64_t number);
void append_bytes(std::string& out, std::string_view bytes);

}  // namespace torchelastic::store
