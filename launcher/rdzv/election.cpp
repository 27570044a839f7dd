// etcd's transactions and leases. Of its JSON: numbers of 64 bits are strings, bytes are in padded
// base64, and whatever is false, zero or empty is left out.
#include "rdzv/election.h"

#include <sodium.h>

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace torchelastic::rdzv {

namespace {

using nlohmann::json;

std::string to_base64(std::string_view bytes) {
    constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
    std::string text(sodium_base64_ENCODED_LEN(bytes.size(), kVariant), '\0');
    sodium_bin2base64(text.data(), text.size(),
                      reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), kVariant);
    text.pop_back();  // its NUL
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    std::string bytes(text.size(), '\0');
    std::size_t size = 0;
    if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                          text.size(), nullptr, &size, nullptr,
                          sodium_base64_VARIANT_ORIGINAL) != 0) {
        return std::nullopt;
    }
    bytes.resize(size);
    return bytes;
}

/// A member of an object; null if that is none, or has no such.
const json& member(const json& object, const char* name) {
    static const json nothing;
    if (!object.is_object()) return nothing;
    const auto found = object.find(name);
    return found == object.end() ? nothing : *found;
}

/// A text, or a number that a later release might not put into quotes.
std::string text_of(const json& value) {
    if (value.is_string()) return value.get<std::string>();
    return value.is_number() ? value.dump() : "";
}

bool is_true(const json& value) {
    return value.is_boolean() && value.get<bool>();
}

/// The value, in base64, that the transaction's request `index` found; "": there is no such key.
std::string found_by(const json& answer, std::size_t index) {
    const json& responses = member(answer, "responses");
    if (!responses.is_array() || responses.size() <= index) return "";
    const json& values = member(member(responses[index], "response_range"), "kvs");
    return values.is_array() && !values.empty() ? text_of(member(values[0], "value")) : "";
}

json range(const std::string& key) {
    return {{"request_range", {{"key", key}}}};
}

json put(const std::string& key, const std::string& value, const std::string& lease) {
    return {{"request_put", {{"key", key}, {"value", value}, {"lease", lease}}}};
}

json is_absent(const std::string& key) {
    return {{"key", key}, {"target", "CREATE"}, {"result", "EQUAL"}, {"create_revision", "0"}};
}

}  // namespace

Election::Election(const std::string& prefix, const std::string& run_id, BusinessCard own)
    : keys_(prefix + "/" + run_id),
      coordinator_(to_base64(keys_ + "/coordinator")),
      closed_(to_base64(keys_ + "/closed")),
      own_(std::move(own)),
      own_text_(to_base64(encode(own_))) {}

Call Election::look() {
    const json transaction = {{"success", json::array({range(closed_), range(coordinator_)})}};
    return ask(Asked::state, "/v3/kv/txn", transaction.dump());
}

// A watch is a stream without an end: a line that says that it has begun, then one for each change.
// What changed before it began comes as well, from the revision behind the one that was looked at.
Call Election::watch() {
    const json create = {
        {"create_request",
         {{"key", to_base64(keys_ + "/")},
          {"range_end", to_base64(keys_ + "0")},  // '0' follows '/'
          {"start_revision", std::to_string(parse_int(revision_).value_or(0) + 1)}}}};
    Call call = ask(Asked::change, "/v3/watch", create.dump());
    call.lines = 2;
    return call;
}

Call Election::keep_alive() {
    return ask(Asked::beat, "/v3/lease/keepalive", json::object({{"ID", lease_}}).dump());
}

Call Election::resign(bool closed) {
    if (closed) return grant(Asked::last_lease, kClosed);
    return ask(Asked::closing, "/v3/lease/revoke", json::object({{"ID", lease_}}).dump());
}

Result<Ballot> Election::hear(std::string_view text) {
    if (asked_ == Asked::change) return read_change(text);
    const json answer = json::parse(text, nullptr, false);
    if (!answer.is_object()) {
        return failure("that is no answer of etcd's: '" + printable(text, 100) + "'");
    }
    switch (std::exchange(asked_, Asked::nothing)) {
        case Asked::state:
            revision_ = text_of(member(member(answer, "header"), "revision"));
            return read_state(found_by(answer, 0), found_by(answer, 1));
        case Asked::lease:
            lease_ = text_of(member(answer, "ID"));
            if (lease_.empty()) return failure("etcd gave no lease");
            return claim();
        case Asked::claim:
            if (is_true(member(answer, "succeeded"))) return Elected{};
            revision_ = text_of(member(member(answer, "header"), "revision"));
            return read_state(found_by(answer, 0), found_by(answer, 1));
        case Asked::beat:  // a lease that etcd does not know (any more) has no time left
            if (!text_of(member(member(answer, "result"), "TTL")).empty()) return Kept{};
            return look();
        case Asked::last_lease:
            return close(text_of(member(answer, "ID")));
        case Asked::closing:
            return Resigned{};
        case Asked::change:
        case Asked::nothing:
            break;
    }
    return failure("etcd answers what it was not asked");
}

Result<Ballot> Election::read_state(std::string_view closed, std::string_view card) {
    if (!closed.empty()) return RunClosed{};
    if (card.empty()) return grant(Asked::lease, kLease);
    const auto bytes = from_base64(card);
    auto read = decode_card(bytes.value_or("what is not in base64"));
    if (!read) return failure(std::move(read).error().because("the coordinator's card in etcd"));
    if (*read == own_) return Elected{};  // it was put there by a call whose answer got lost
    return Follow{std::move(*read)};
}

/// A stream that was refused has a line of another kind, and may have ended at once.
Result<Ballot> Election::read_change(std::string_view lines) {
    asked_ = Asked::nothing;
    for (const std::string& line : split(lines, '\n')) {
        const json said = json::parse(line, nullptr, false);
        if (member(member(said, "result"), "events").is_array()) return look();
    }
    return Unchanged{};
}

Call Election::ask(Asked what, std::string path, std::string body) {
    asked_ = what;
    return {std::move(path), std::move(body)};
}

Call Election::grant(Asked what, Duration life) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(life).count();
    return ask(what, "/v3/lease/grant", json::object({{"TTL", std::to_string(seconds)}}).dump());
}

Call Election::claim() {
    const json transaction = {
        {"compare", json::array({is_absent(closed_), is_absent(coordinator_)})},
        {"success", json::array({put(coordinator_, own_text_, lease_)})},
        {"failure", json::array({range(closed_), range(coordinator_)})}};
    return ask(Asked::claim, "/v3/kv/txn", transaction.dump());
}

/// Only what is still ours: another agent may coordinate a run of this name meanwhile.
Call Election::close(const std::string& lease) {
    const json ours = {
        {"key", coordinator_}, {"target", "VALUE"}, {"result", "EQUAL"}, {"value", own_text_}};
    const json remove = {{"request_delete_range", {{"key", coordinator_}}}};
    const json transaction = {
        {"compare", json::array({ours})},
        {"success", json::array({put(closed_, to_base64("closed"), lease), remove})}};
    return ask(Asked::closing, "/v3/kv/txn", transaction.dump());
}

}  // namespace torchelastic::rdzv
