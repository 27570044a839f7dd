// A resumable reader: it always knows how many bytes the next element needs, collects exactly
// those, in place, and never looks back. So a request of 131072 keys costs the same in one piece
// and in a million.
#include "store/codec.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::store {

namespace {

enum class Field : std::uint8_t { none, key, value, expected, number, nonce, keys, pairs };

struct Form {
    std::string_view name;
    std::array<Field, 4> fields = {};  // the last is always none
};

// In the order of Op.
constexpr std::array<Form, 19> kForms = {{
    {"SET", {Field::key, Field::value}},
    {"COMPARE_SET", {Field::key, Field::expected, Field::value}},
    {"GET", {Field::key}},
    {"ADD", {Field::key, Field::number}},
    {"CHECK", {Field::keys}},
    {"WAIT", {Field::keys}},
    {"GETNUMKEYS", {}},
    {"DELETE_KEY", {Field::key}},
    {"APPEND", {Field::key, Field::value}},
    {"MULTI_GET", {Field::keys}},
    {"MULTI_SET", {Field::pairs}},
    {"CANCEL_WAIT", {}},
    {"PING", {Field::nonce}},
    {"QUEUE_PUSH", {Field::key, Field::value}},
    {"QUEUE_POP", {Field::key}},
    {"QUEUE_LEN", {Field::key}},
    {"LIST_KEYS", {}},
    {"BARRIER", {Field::key, Field::number}},
    {"WATCH_KEY", {Field::key}},
}};

// By opcode. 7 is delete_key in torch 2.1 (see meaning()), whose 9 to 11 these are; its APPEND, 8,
// cannot be told from torch 2.0's DELETE_KEY.
constexpr std::array<Op, 12> kL1 = {
    Op::set,      Op::compare_set, Op::get,        Op::add,       Op::check,     Op::wait,
    Op::num_keys, Op::watch_key,   Op::delete_key, Op::multi_get, Op::multi_set, Op::cancel_wait,
};

// By opcode - 1: 0 is VALIDATE.
constexpr std::array<Op, 18> kV2 = {
    Op::set,      Op::compare_set, Op::get,       Op::add,          Op::check,     Op::wait,
    Op::num_keys, Op::delete_key,  Op::append,    Op::multi_get,    Op::multi_set, Op::cancel_wait,
    Op::ping,     Op::queue_push,  Op::queue_pop, Op::queue_length, Op::list_keys, Op::barrier,
};

constexpr std::string_view kGreeting("\0\xCE\xF7\x85\x3C", 5);
constexpr std::string_view kHint =
    "if its torch is newer than this launcher knows, --worker-store=rank0 lets worker rank 0 host "
    "the store";
constexpr std::size_t kShown = 16;

const Form& form(Op op) {
    return kForms[static_cast<std::size_t>(op)];
}

std::uint64_t little_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) {
        value = value << 8 | static_cast<unsigned char>(bytes[i]);
    }
    return value;
}

template <class Integer>
void append_little_endian(std::string& out, Integer value) {
    for (std::size_t i = 0; i < sizeof value; ++i) {
        out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
    }
}

/// "47 45 54 (GET)"
std::string shown(std::string_view bytes) {
    bytes = bytes.substr(0, kShown);
    std::string hex;
    for (const char byte : bytes) {
        hex += fmt::format("{:02x} ", static_cast<unsigned char>(byte));
    }
    return fmt::format("{}({})", hex, printable(bytes));
}

std::string shown(char first, std::string_view rest) {
    return shown(std::string(1, first) + std::string(rest.substr(0, kShown - 1)));
}

}  // namespace

std::string_view name(Op op) {
    return form(op).name;
}

Result<std::optional<Request>> Decoder::next(std::string_view& input) {
    while (collect(input)) {
        auto whole = digest(input);
        if (!whole) return failure(std::move(whole).error());
        if (*whole) {
            expect(Expect::opcode, 1);
            held_ = 0;
            return std::optional<Request>(std::exchange(request_, Request()));
        }
    }
    return std::optional<Request>();
}

/// Moves bytes into the element that is being read; whether it is whole.
bool Decoder::collect(std::string_view& input) {
    const std::size_t size = std::min(missing_, input.size());
    std::string& target = expect_ == Expect::text ? text() : scratch_;
    target.append(input.substr(0, size));
    input.remove_prefix(size);
    missing_ -= size;
    if (expect_ == Expect::text) held_ += size;
    return missing_ == 0;
}

/// Acts on a whole element; whether the request is whole. `rest` is what came after it.
Result<bool> Decoder::digest(std::string_view rest) {
    switch (expect_) {
        case Expect::opening:
            return open(rest);
        case Expect::opcode:
            return begin(static_cast<std::uint8_t>(scratch_[0]), rest);
        case Expect::length:
            return take_length();
        case Expect::count:
            return take_count();
        case Expect::number:
        case Expect::nonce:
            request_.number = static_cast<std::int64_t>(little_endian(scratch_));
            return next_field();
        case Expect::text:
            if (slot_ == Slot::item_key || slot_ == Slot::item_value) return next_item();
            return next_field();
    }
    return true;
}

/// Five bytes that began with 00: torch >= 2.2 greets; torch <= 2.0 starts a SET, whose key is
/// never as long as the greeting's number.
Result<bool> Decoder::open(std::string_view rest) {
    if (scratch_ == kGreeting) {
        dialect_ = Dialect::v2;
        expect(Expect::opcode, 1);
        return false;
    }
    const std::string_view length = std::string_view(scratch_).substr(1);
    if (little_endian(length) > kMaxKey) {
        return failure(fmt::format(
            "bad magic: {} is neither the greeting of torch >= 2.2 nor a SET of torch <= 2.0; {}",
            shown(scratch_ + std::string(rest.substr(0, kShown))), kHint));
    }
    const std::string begun(length);
    dialect_ = Dialect::l1;
    auto started = begin(0, rest);
    if (!started) return started;
    scratch_ = begun;
    missing_ -= begun.size();
    return false;
}

Result<bool> Decoder::begin(std::uint8_t opcode, std::string_view rest) {
    if (dialect_ == Dialect::unknown) {
        if (opcode == 0) {
            expect_ = Expect::opening;
            missing_ = kGreeting.size() - 1;
            return false;
        }
        if (opcode >= kL1.size()) {
            return failure(
                fmt::format("not a TCPStore client of a torch we know: it began with {}; {}",
                            shown(scratch_[0], rest), kHint));
        }
        dialect_ = Dialect::l1;
    }
    const auto op = meaning(opcode);
    if (!op) {
        return failure(fmt::format("unknown opcode {} in {}: newer torch? {}", opcode,
                                   shown(static_cast<char>(opcode), rest), kHint));
    }
    watches_only_ = watches_only_ && *op == Op::watch_key;
    request_.op = *op;
    field_ = 0;
    return next_field();
}

std::optional<Op> Decoder::meaning(std::uint8_t opcode) {
    if (dialect_ == Dialect::v2) {
        if (opcode == 0 || opcode > kV2.size()) return std::nullopt;
        return kV2[opcode - 1U];
    }
    if (opcode >= kL1.size()) return std::nullopt;
    // torch <= 2.0 watches on a connection that does nothing else; torch 2.1 deletes with this code
    if (kL1[opcode] == Op::watch_key && !watches_only_) return Op::delete_key;
    return kL1[opcode];
}

/// Whether there is no further field, so that the request is whole.
bool Decoder::next_field() {
    switch (form(request_.op).fields[field_++]) {
        case Field::none:
            return true;
        case Field::key:
            expect_length(Slot::key);
            break;
        case Field::value:
            expect_length(Slot::value);
            break;
        case Field::expected:
            expect_length(Slot::expected);
            break;
        case Field::number:
            expect(Expect::number, 8);
            break;
        case Field::nonce:
            expect(Expect::nonce, 4);
            break;
        case Field::keys:
        case Field::pairs:
            expect(Expect::count, 8);
            break;
    }
    return false;
}

/// After an element of a list: its value, the next element, or the next field.
bool Decoder::next_item() {
    if (slot_ == Slot::item_key && request_.op == Op::multi_set) {
        expect_length(Slot::item_value);
        return false;
    }
    if (--items_left_ == 0) return next_field();
    expect_length(Slot::item_key);
    return false;
}

void Decoder::expect_length(Slot slot) {
    slot_ = slot;
    expect(Expect::length, 8);
}

void Decoder::expect(Expect what, std::size_t size) {
    expect_ = what;
    missing_ = size;
    scratch_.clear();
}

Result<bool> Decoder::take_length() {
    const std::uint64_t length = little_endian(scratch_);
    const bool is_key = slot_ == Slot::key || slot_ == Slot::item_key;
    const std::size_t limit = is_key ? kMaxKey : kMaxValue;
    if (length > limit) {
        return failure(fmt::format("{} with a {} of {} bytes: at most {} are accepted",
                                   name(request_.op), is_key ? "key" : "value", length, limit));
    }
    if (slot_ == Slot::item_key) request_.keys.emplace_back();
    if (slot_ == Slot::item_value) request_.values.emplace_back();
    held_ += sizeof(std::string);
    expect(Expect::text, static_cast<std::size_t>(length));
    return false;
}

Result<bool> Decoder::take_count() {
    const std::uint64_t count = little_endian(scratch_);
    if (count > kMaxKeys) {
        return failure(fmt::format("{} of {} keys: at most {} are accepted", name(request_.op),
                                   count, kMaxKeys));
    }
    if (count == 0) return next_field();
    items_left_ = static_cast<std::size_t>(count);
    expect_length(Slot::item_key);
    return false;
}

std::string& Decoder::text() {
    switch (slot_) {
        case Slot::value:
            return request_.value;
        case Slot::expected:
            return request_.expected;
        case Slot::item_key:
            return request_.keys.back();
        case Slot::item_value:
            return request_.values.back();
        case Slot::key:
            break;
    }
    return request_.key;
}

std::string encode(Answer answer) {
    return std::string(1, static_cast<char>(answer));
}

std::string encode_number(std::int64_t number) {
    std::string out;
    append_number(out, number);
    return out;
}

std::string encode_nonce(std::uint32_t nonce) {
    std::string out;
    append_little_endian(out, nonce);
    return out;
}

std::string encode_bytes(std::string_view bytes) {
    std::string out;
    append_bytes(out, bytes);
    return out;
}

std::string encode_change(Change change, std::string_view key, std::string_view before,
                          std::string_view after) {
    std::string out(1, static_cast<char>(change));
    append_bytes(out, key);
    append_bytes(out, before);
    append_bytes(out, after);
    return out;
}

void append_number(std::string& out, std::int64_t number) {
    append_little_endian(out, static_cast<std::uint64_t>(number));
}

void append_bytes(std::string& out, std::string_view bytes) {
    append_little_endian(out, std::uint64_t{bytes.size()});
    out += bytes;
}

}  // namespace torchelastic::store
