// The whole server but for its sockets: bytes of clients in, bytes for clients out, and who is to
// be dropped, for which reason. Time is a value.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "store/codec.h"
#include "store/key_space.h"

namespace torchelastic::store {

/// A client to disconnect, and why, for people.
struct Drop {
    ClientId client = 0;
    std::string why;
};

/// What the server has to do, in this order. A client that is dropped is already forgotten here.
struct Step {
    std::vector<Send> sends;  ///< neighbours that go to the same client are one
    std::vector<Drop> drops;
};

/// How long a request may stay half sent. A client that is silent between requests is never
/// dropped: torch <= 2.0 keeps a connection that says nothing at all, and burns a core in the
/// worker when it is closed.
inline constexpr Duration kMaxStall = std::chrono::seconds(30);

/// The sessions of one store and the key space they share.
class Sessions {
public:
    explicit Sessions(std::size_t max_memory = kMaxMemory)
        : max_memory_(max_memory), keys_(max_memory) {}

    /// Bytes of a client, the first of which make it known.
    Step receive(ClientId client, std::string_view bytes, Instant now);

    /// True while a request of some client is incomplete: then sweep() is to be called again.
    bool stalled() const { return stalled_ > 0; }

    /// Drops whose request has been incomplete for kMaxStall.
    Step sweep(Instant now);

    /// The connection is gone.
    void leave(ClientId client);

    const KeySpace& keys() const { return keys_; }

    /// Of the key space and of all incomplete requests.
    std::size_t memory() const { return keys_.memory() + held_; }

private:
    struct Session {
        Decoder decoder;
        Instant since;  ///< when the incomplete request began
    };

    std::size_t max_memory_;
    KeySpace keys_;
    std::size_t held_ = 0;
    std::size_t stalled_ = 0;  ///< sessions with an incomplete request
    std::unordered_map<ClientId, Session> sessions_;
};

}  // namespace torchelastic::store
