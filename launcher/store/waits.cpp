// Two indices of the same fact: by client and by key.
#include "store/waits.h"

#include <utility>

namespace torchelastic::store {

namespace {

// What one client's waiting for one key costs beside the key's bytes, roughly.
constexpr std::size_t kEntry = 96;

}  // namespace

void Waits::begin(ClientId client, std::vector<std::string> keys) {
    memory_ += cost(keys);
    for (const std::string& key : keys) {
        waiters_[key].push_back(client);
    }
    const std::size_t missing = keys.size();
    waits_[client] = Wait{std::move(keys), missing};
}

void Waits::end(ClientId client) {
    const auto wait = waits_.find(client);
    if (wait == waits_.end()) return;
    memory_ -= cost(wait->second.keys);
    for (const std::string& key : wait->second.keys) {
        const auto crowd = waiters_.find(key);
        if (crowd == waiters_.end()) continue;  // it was set
        std::erase(crowd->second, client);
        if (crowd->second.empty()) waiters_.erase(crowd);
    }
    waits_.erase(wait);
}

std::vector<ClientId> Waits::wake(const std::string& key) {
    std::vector<ClientId> through;
    auto crowd = waiters_.extract(key);
    if (crowd.empty()) return through;
    for (const ClientId client : crowd.mapped()) {
        if (arrived(client)) through.push_back(client);
    }
    return through;
}

std::optional<ClientId> Waits::wake_one(const std::string& key) {
    auto crowd = waiters_.extract(key);
    if (crowd.empty()) return std::nullopt;
    std::optional<ClientId> through;
    std::vector<ClientId>& clients = crowd.mapped();
    std::size_t told = 0;
    while (told < clients.size() && !through) {
        const ClientId client = clients[told++];
        if (arrived(client)) through = client;
    }
    clients.erase(clients.begin(), clients.begin() + static_cast<std::ptrdiff_t>(told));
    if (!clients.empty()) waiters_.insert(std::move(crowd));
    return through;
}

/// One of the client's keys was set; whether it was the last.
bool Waits::arrived(ClientId client) {
    if (--waits_.at(client).missing > 0) return false;
    end(client);
    return true;
}

std::size_t Waits::cost(const std::vector<std::string>& keys) {
    std::size_t size = 0;
    for (const std::string& key : keys) {
        size += key.size() + kEntry;
    }
    return size;
}

}  // namespace torchelastic::store
