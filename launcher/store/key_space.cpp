// Every operation checks first and changes then, so that a refused one leaves no trace.
#include "store/key_space.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::store {

namespace {

// What an entry of any of the tables costs beside its bytes, roughly.
constexpr std::size_t kEntry = 96;

constexpr std::size_t kMaxNotices = 4 * kMaxUnsent;

std::vector<Send> to(ClientId client, std::string bytes) {
    std::vector<Send> sends;
    sends.push_back({client, std::move(bytes)});
    return sends;
}

bool changes(Op op) {
    switch (op) {
        case Op::set:
        case Op::compare_set:
        case Op::add:
        case Op::delete_key:
        case Op::append:
        case Op::multi_set:
        case Op::barrier:
            return true;
        default:
            return false;
    }
}

/// The number that an ADD or a BARRIER finds, read as torch reads it (std::stoll): white space in
/// front and anything behind do not matter.
std::optional<std::int64_t> counter(const std::string& text) {
    char* end = nullptr;
    errno = 0;
    const long long number = std::strtoll(text.c_str(), &end, 10);
    if (end == text.c_str() || errno != 0) return std::nullopt;
    return number;
}

Error not_a_number(Op op, const std::string& key) {
    return Error(fmt::format("{} on key {}, which holds no number", name(op), printable(key, 100)));
}

Error too_long(Op op) {
    return Error(fmt::format("{} whose answer is longer than {} MiB", name(op), kMaxUnsent >> 20));
}

}  // namespace

Result<std::vector<Send>> KeySpace::apply(ClientId client, Request request) {
    waits_.end(client);
    if (auto fit = notices_fit(request); !fit) return failure(std::move(fit).error());
    switch (request.op) {
        case Op::set:
            return set(request);
        case Op::compare_set:
            return compare_set(client, request);
        case Op::get:
            return give(client, request.op, value(request.key));
        case Op::add:
            return add(client, request);
        case Op::check: {
            const bool all = std::all_of(request.keys.begin(), request.keys.end(),
                                         [this](const std::string& key) { return has(key); });
            return to(client, encode(all ? Answer::ready : Answer::not_ready));
        }
        case Op::wait:
            return wait(client, request);
        case Op::num_keys:
            return to(client, encode_number(static_cast<std::int64_t>(values_.size())));
        case Op::delete_key:
            return remove(client, request);
        case Op::append:
            return append(request);
        case Op::multi_get:
            return multi_get(client, request);
        case Op::multi_set:
            return multi_set(request);
        case Op::cancel_wait:
            // Also when the wait has just been answered: the client then expects both.
            return to(client, encode(Answer::wait_canceled));
        case Op::ping:
            return to(client, encode_nonce(static_cast<std::uint32_t>(request.number)));
        case Op::queue_push:
            return push(request);
        case Op::queue_pop:
            return pop(client, request);
        case Op::queue_length: {
            const auto queue = queues_.find(request.key);
            const std::size_t length = queue == queues_.end() ? 0 : queue->second.size();
            return to(client, encode_number(static_cast<std::int64_t>(length)));
        }
        case Op::list_keys:
            return list_keys(client);
        case Op::barrier:
            return barrier(client, request);
        case Op::watch_key:
            return watch(client, request);
    }
    return Sends();
}

void KeySpace::forget(ClientId client) {
    waits_.end(client);
    const auto watched = watched_.extract(client);
    if (watched.empty()) return;
    for (const std::string& key : watched.mapped()) {
        const auto crowd = watchers_.find(key);
        std::erase(crowd->second, client);
        if (crowd->second.empty()) watchers_.erase(crowd);
        memory_ -= key.size() + kEntry;
    }
}

Result<std::vector<Send>> KeySpace::set(Request& request) {
    if (auto fit = value_fits(request.key, request.value.size()); !fit) {
        return failure(std::move(fit).error());
    }
    Sends sends;
    put(request.key, std::move(request.value), sends);
    return sends;
}

Result<std::vector<Send>> KeySpace::compare_set(ClientId client, Request& request) {
    const auto found = values_.find(request.key);
    const bool matches =
        found == values_.end() ? request.expected.empty() : found->second == request.expected;
    if (!matches) {
        // torch's answer for an absent key is what the caller expected, though nothing is there
        return give(client, request.op, found == values_.end() ? request.expected : found->second);
    }
    if (auto fit = value_fits(request.key, request.value.size()); !fit) {
        return failure(std::move(fit).error());
    }
    Sends sends = to(client, encode_bytes(request.value));
    put(request.key, std::move(request.value), sends);
    return sends;
}

Result<std::vector<Send>> KeySpace::add(ClientId client, Request& request) {
    std::int64_t sum = request.number;
    if (const auto found = values_.find(request.key); found != values_.end()) {
        const auto before = counter(found->second);
        if (!before) return failure(not_a_number(request.op, request.key));
        sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum) +
                                        static_cast<std::uint64_t>(*before));
    }
    std::string text = std::to_string(sum);
    if (auto fit = value_fits(request.key, text.size()); !fit) {
        return failure(std::move(fit).error());
    }
    Sends sends = to(client, encode_number(sum));
    put(request.key, std::move(text), sends);
    return sends;
}

Result<std::vector<Send>> KeySpace::append(Request& request) {
    const auto found = values_.find(request.key);
    if (found == values_.end()) return set(request);
    if (auto fit = fits(0, request.value.size()); !fit) return failure(std::move(fit).error());
    Sends sends;
    const std::size_t before = found->second.size();
    found->second += request.value;
    memory_ += request.value.size();
    const std::string_view after = found->second;
    tell_watchers(Change::updated, request.key, after.substr(0, before), after, sends);
    wake(request.key, sends);
    return sends;
}

Result<std::vector<Send>> KeySpace::multi_set(Request& request) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < request.keys.size(); ++i) {
        size += request.keys[i].size() + request.values[i].size() + kEntry;
    }
    if (auto fit = fits(0, size); !fit) return failure(std::move(fit).error());
    Sends sends;
    for (std::size_t i = 0; i < request.keys.size(); ++i) {
        put(request.keys[i], std::move(request.values[i]), sends);
    }
    return sends;
}

Result<std::vector<Send>> KeySpace::multi_get(ClientId client, const Request& request) const {
    std::size_t size = 0;
    for (const std::string& key : request.keys) {
        size += value(key).size() + sizeof(std::uint64_t);
        if (size > kMaxUnsent) return failure(too_long(request.op));
    }
    std::string bytes;
    bytes.reserve(size);
    for (const std::string& key : request.keys) {
        append_bytes(bytes, value(key));
    }
    return to(client, std::move(bytes));
}

Result<std::vector<Send>> KeySpace::wait(ClientId client, Request& request) {
    std::vector<std::string>& keys = request.keys;
    std::erase_if(keys, [this](const std::string& key) { return has(key); });
    if (keys.empty()) return to(client, encode(Answer::stop_waiting));
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    if (auto fit = fits(0, Waits::cost(keys)); !fit) return failure(std::move(fit).error());
    waits_.begin(client, std::move(keys));
    return Sends();
}

Result<std::vector<Send>> KeySpace::barrier(ClientId client, Request& request) {
    std::int64_t arrived = 0;
    if (const auto found = values_.find(request.key); found != values_.end()) {
        const auto before = counter(found->second);
        if (!before) return failure(not_a_number(request.op, request.key));
        arrived = *before;
    }
    arrived = static_cast<std::int64_t>(static_cast<std::uint64_t>(arrived) + 1);
    std::string text = std::to_string(arrived);
    if (auto fit = value_fits(request.key, text.size() + Waits::cost({request.key})); !fit) {
        return failure(std::move(fit).error());
    }
    if (arrived >= request.number) {
        Sends sends = to(client, encode(Answer::stop_waiting));
        put(request.key, std::move(text), sends);
        return sends;
    }
    store(request.key, std::move(text));  // counts without waking those who came before
    waits_.begin(client, {std::move(request.key)});
    return Sends();
}

Result<std::vector<Send>> KeySpace::push(Request& request) {
    const std::size_t size = request.key.size() + request.value.size() + kEntry;
    if (auto fit = fits(0, size); !fit) return failure(std::move(fit).error());
    queues_[request.key].push_back(std::move(request.value));
    memory_ += size;
    Sends sends;
    if (const auto client = waits_.wake_one(request.key)) {
        sends.push_back({*client, encode(Answer::stop_waiting)});
    }
    return sends;
}

Result<std::vector<Send>> KeySpace::pop(ClientId client, const Request& request) {
    const auto queue = queues_.find(request.key);
    if (queue == queues_.end()) return to(client, encode_number(0));
    std::string bytes = encode_number(static_cast<std::int64_t>(queue->second.size()));
    append_bytes(bytes, queue->second.front());
    memory_ -= request.key.size() + queue->second.front().size() + kEntry;
    queue->second.pop_front();
    if (queue->second.empty()) queues_.erase(queue);
    return to(client, std::move(bytes));
}

Result<std::vector<Send>> KeySpace::list_keys(ClientId client) const {
    std::string bytes = encode_number(static_cast<std::int64_t>(values_.size()));
    for (const auto& [key, unused] : values_) {
        append_bytes(bytes, key);
        if (bytes.size() > kMaxUnsent) return failure(too_long(Op::list_keys));
    }
    return to(client, std::move(bytes));
}

Result<std::vector<Send>> KeySpace::remove(ClientId client, const Request& request) {
    const auto found = values_.find(request.key);
    if (found == values_.end()) return to(client, encode_number(0));
    Sends sends = to(client, encode_number(1));
    tell_watchers(Change::deleted, request.key, found->second, {}, sends);
    memory_ -= request.key.size() + found->second.size() + kEntry;
    values_.erase(found);
    return sends;
}

Result<std::vector<Send>> KeySpace::watch(ClientId client, Request& request) {
    const auto crowd = watchers_.find(request.key);
    const bool already =
        crowd != watchers_.end() &&
        std::find(crowd->second.begin(), crowd->second.end(), client) != crowd->second.end();
    if (!already) {
        const std::size_t size = request.key.size() + kEntry;
        if (auto fit = fits(0, size); !fit) return failure(std::move(fit).error());
        memory_ += size;
        watchers_[request.key].push_back(client);
        watched_[client].push_back(std::move(request.key));
    }
    return to(client, encode(Answer::watch_registered));
}

Result<std::vector<Send>> KeySpace::give(ClientId client, Op op, std::string_view value) const {
    if (value.size() > kMaxUnsent) return failure(too_long(op));
    return to(client, encode_bytes(value));
}

bool KeySpace::has(const std::string& key) const {
    return values_.contains(key) || queues_.contains(key);
}

std::string_view KeySpace::value(const std::string& key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? std::string_view() : std::string_view(found->second);
}

/// Whether something of `before` bytes may become `after` bytes.
Result<void> KeySpace::fits(std::size_t before, std::size_t after) const {
    if (after <= before || memory() + (after - before) <= max_memory_) return {};
    return failure(fmt::format("the worker store is full: {} keys take {} of at most {} MiB",
                               values_.size(), memory() >> 20, max_memory_ >> 20));
}

Result<void> KeySpace::value_fits(const std::string& key, std::size_t size) const {
    const auto found = values_.find(key);
    if (found == values_.end()) return fits(0, key.size() + size + kEntry);
    return fits(found->second.size(), size);
}

/// Each watcher of a key is sent its old and its new value: a large value and many watchers must
/// not become a flood in our memory.
Result<void> KeySpace::notices_fit(const Request& request) const {
    if (watchers_.empty() || !changes(request.op)) return {};
    std::size_t size = 0;
    const auto count = [&](const std::string& key, const std::string& after) {
        const auto crowd = watchers_.find(key);
        if (crowd == watchers_.end()) return;
        size += crowd->second.size() * (key.size() + 2 * value(key).size() + after.size());
    };
    count(request.key, request.value);
    for (std::size_t i = 0; i < request.values.size(); ++i) {
        count(request.keys[i], request.values[i]);
    }
    if (size <= kMaxNotices) return {};
    return failure(fmt::format("{} that would send {} MiB to those who watch its keys",
                               name(request.op), size >> 20));
}

/// Stores, and tells everybody who wants to know.
void KeySpace::put(const std::string& key, std::string value, Sends& sends) {
    if (watchers_.contains(key)) {
        const auto found = values_.find(key);
        const bool created = found == values_.end();
        tell_watchers(created ? Change::created : Change::updated, key,
                      created ? std::string_view() : std::string_view(found->second), value, sends);
    }
    store(key, std::move(value));
    wake(key, sends);
}

void KeySpace::store(const std::string& key, std::string value) {
    const auto [entry, created] = values_.try_emplace(key);
    if (created) memory_ += key.size() + kEntry;
    memory_ += value.size();
    memory_ -= entry->second.size();
    entry->second = std::move(value);
}

void KeySpace::wake(const std::string& key, Sends& sends) {
    for (const ClientId client : waits_.wake(key)) {
        sends.push_back({client, encode(Answer::stop_waiting)});
    }
}

void KeySpace::tell_watchers(Change change, const std::string& key, std::string_view before,
                             std::string_view after, Sends& sends) const {
    const auto crowd = watchers_.find(key);
    if (crowd == watchers_.end()) return;
    for (const ClientId client : crowd->second) {
        sends.push_back({client, encode_change(change, key, before, after)});
    }
}

}  // namespace torchelastic::store
