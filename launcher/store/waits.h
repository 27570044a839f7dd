// Who waits for which keys. It knows neither values nor answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace torchelastic::store {

/// A number that the caller gives to a connection, and never to another one.
using ClientId = std::uint64_t;

/// At most one wait per client. A wait is over when each of its keys was set once since it began,
/// whatever became of the key afterwards: torch's rule.
class Waits {
public:
    /// The client must not be waiting, the keys must differ from one another.
    void begin(ClientId client, std::vector<std::string> keys);

    /// Gives its wait up, if it has one.
    void end(ClientId client);

    /// Counts `key` as set; whose wait is over, longest waiting first.
    std::vector<ClientId> wake(const std::string& key);

    /// The same, until one wait is over: an item of a queue is for one client.
    std::optional<ClientId> wake_one(const std::string& key);

    std::size_t memory() const { return memory_; }

    /// What waiting for `keys` adds to memory().
    static std::size_t cost(const std::vector<std::string>& keys);

private:
    struct Wait {
        std::vector<std::string> keys;
        std::size_t missing = 0;
    };

    bool arrived(ClientId client);

    std::unordered_map<ClientId, Wait> waits_;
    std::unordered_map<std::string, std::vector<ClientId>> waiters_;  ///< by key not set yet
    std::size_t memory_ = 0;
};

}  // namespace torchelastic::store
