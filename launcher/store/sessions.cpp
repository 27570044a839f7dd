// One decoder per client in front of one key space.
#include "store/sessions.h"

#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace torchelastic::store {

namespace {

void append(std::vector<Send>& sends, std::vector<Send> more) {
    for (Send& send : more) {
        if (!sends.empty() && sends.back().client == send.client) {
            sends.back().bytes += send.bytes;
        } else {
            sends.push_back(std::move(send));
        }
    }
}

}  // namespace

Step Sessions::receive(ClientId client, std::string_view bytes, Instant now) {
    Step step;
    const auto [entry, joined] = sessions_.try_emplace(client);
    Session& session = entry->second;
    const bool was_incomplete = session.decoder.incomplete();
    bool whole = false;
    std::size_t answers = 0;
    std::optional<Error> trouble;
    held_ -= session.decoder.held();
    for (;;) {
        auto request = session.decoder.next(bytes);
        if (!request) {
            trouble = std::move(request).error();
            break;
        }
        if (!*request) break;
        whole = true;
        auto sends = keys_.apply(client, std::move(**request));
        if (!sends) {
            trouble = std::move(sends).error();
            break;
        }
        for (const Send& each : *sends)
            answers += each.bytes.size();
        append(step.sends, std::move(*sends));
        // Before they are counted as unsent: a few bytes of requests can ask for gigabytes.
        if (answers > kMaxUnsent) {
            trouble = Error("it asks for more than it reads");
            break;
        }
    }
    held_ += session.decoder.held();
    stalled_ += session.decoder.incomplete() ? 1 : 0;
    stalled_ -= was_incomplete ? 1 : 0;
    if (whole || !was_incomplete) session.since = now;
    if (!trouble && session.decoder.held() > 0 && memory() > max_memory_) {
        trouble = Error(
            fmt::format("the worker store is full: unfinished requests take {} MiB", held_ >> 20));
    }
    if (trouble) {
        step.drops.push_back({client, trouble->text()});
        leave(client);
    }
    return step;
}

Step Sessions::sweep(Instant now) {
    Step step;
    for (const auto& [client, session] : sessions_) {
        if (session.decoder.incomplete() && now - session.since >= kMaxStall) {
            step.drops.push_back({client, "half a request, and nothing more for 30 s"});
        }
    }
    for (const Drop& drop : step.drops) {
        leave(drop.client);
    }
    return step;
}

void Sessions::leave(ClientId client) {
    keys_.forget(client);
    const auto session = sessions_.find(client);
    if (session == sessions_.end()) return;
    held_ -= session->second.decoder.held();
    stalled_ -= session->second.decoder.incomplete() ? 1 : 0;
    sessions_.erase(session);
}

}  // namespace torchelastic::store
