// What the clients of one store share: keys, queues, and who waits for what. Requests in, answers
// out; it knows neither bytes of requests nor sockets nor time.
//
// Every attempt of a job has a key space of its own: workers of torch >= 2.6 do not put the attempt
// into their keys, so that a restarted job would meet the addresses of the dead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "store/codec.h"
#include "store/waits.h"

namespace torchelastic::store {

/// Bytes for a client, who is not always the one that asked: a SET answers those who wait.
struct Send {
    ClientId client = 0;
    std::string bytes;

    bool operator==(const Send&) const = default;
};

/// Memory of keys, values, queues and waits.
inline constexpr std::size_t kMaxMemory = std::size_t{1} << 30;

/// The longest answer, and the most that may wait for a slow reader.
inline constexpr std::size_t kMaxUnsent = std::size_t{64} << 20;

/// Semantics are those of torch 2.14's server, but for what harms: a GET of a missing key answers
/// with nothing (the libuv server's way; the poll server disconnects), and whatever a waiting
/// client sends ends its wait without an answer. That cures torch <= 2.0, whose wait that timed out
/// leaves a late answer in the stream, where its next get() takes it for its own.
class KeySpace {
public:
    explicit KeySpace(std::size_t max_memory = kMaxMemory) : max_memory_(max_memory) {}

    /// Executes one request; what is to be sent, in order. An error means that the asking client
    /// must be dropped, and that nothing was changed: only a request that would grow the space
    /// beyond its limit is refused, never one that reads, deletes or replaces.
    Result<std::vector<Send>> apply(ClientId client, Request request);

    /// Its connection is gone: its wait and its watches go with it, its keys stay.
    void forget(ClientId client);

    std::size_t memory() const { return memory_ + waits_.memory(); }
    std::size_t size() const { return values_.size(); }

private:
    using Sends = std::vector<Send>;

    Result<Sends> set(Request& request);
    Result<Sends> compare_set(ClientId client, Request& request);
    Result<Sends> add(ClientId client, Request& request);
    Result<Sends> append(Request& request);
    Result<Sends> multi_set(Request& request);
    Result<Sends> multi_get(ClientId client, const Request& request) const;
    Result<Sends> wait(ClientId client, Request& request);
    Result<Sends> barrier(ClientId client, Request& request);
    Result<Sends> push(Request& request);
    Result<Sends> pop(ClientId client, const Request& request);
    Result<Sends> list_keys(ClientId client) const;
    Result<Sends> remove(ClientId client, const Request& request);
    Result<Sends> watch(ClientId client, Request& request);

    Result<Sends> give(ClientId client, Op op, std::string_view value) const;
    bool has(const std::string& key) const;
    std::string_view value(const std::string& key) const;
    Result<void> fits(std::size_t before, std::size_t after) const;
    Result<void> value_fits(const std::string& key, std::size_t size) const;
    Result<void> notices_fit(const Request& request) const;
    void put(const std::string& key, std::string value, Sends& sends);
    void store(const std::string& key, std::string value);
    void wake(const std::string& key, Sends& sends);
    void tell_watchers(Change change, const std::string& key, std::string_view before,
                       std::string_view after, Sends& sends) const;

    std::size_t max_memory_;
    std::size_t memory_ = 0;  ///< of all but the waits
    std::unordered_map<std::string, std::string> values_;
    std::unordered_map<std::string, std::deque<std::string>> queues_;
    std::unordered_map<std::string, std::vector<ClientId>> watchers_;
    std::unordered_map<ClientId, std::vector<std::string>> watched_;
    Waits waits_;
};

}  // namespace torchelastic::store
