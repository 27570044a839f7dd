// Messages as bytes: one CBOR array per frame, [kind, fields by name]. Unknown fields are ignored
// and absent ones keep their defaults, so that neighbouring versions understand each other. Pure.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "coordinator/messages.h"
#include "wire/clock.h"

namespace torchelastic::wire {

/// The sender gives this connection up, and lives on: one that closes without this word has died.
struct Farewell {
    std::string why;
    bool operator==(const Farewell&) const = default;
};

using Message = std::variant<Ping, Farewell, coordinator::Hello, coordinator::Unable,
                             coordinator::Ready, coordinator::Started, coordinator::Failed,
                             coordinator::Succeeded, coordinator::Leaving, coordinator::Ended,
                             coordinator::Report, coordinator::Notified, coordinator::Assignment,
                             coordinator::Stop, coordinator::Finish, coordinator::Roster,
                             coordinator::Lead, coordinator::Defer, coordinator::Notify>;

std::string encode(const Message& message);

/// Hostile bytes give an error in words, never more memory than a small multiple of their length.
Result<Message> decode(std::string_view payload);

/// One field of a kind of message, and what its value is on the wire: docs/rendezvous.md lists
/// them.
struct FieldOnWire {
    std::string kind;
    std::string name;
    std::string type;  ///< "bytes", "list of bytes", "bool", "int32", "int64", "uint16", "uint32"
};

/// The fields of all kinds, in the order of Message.
std::vector<FieldOnWire> fields_on_wire();

/// The longest text that encode() puts into a message; longer ones lose their middle.
inline constexpr std::size_t kTextLimit = 64U << 10;

/// The longest list that decode() takes.
inline constexpr std::size_t kListLimit = 256U << 10;

}  // namespace torchelastic::wire
