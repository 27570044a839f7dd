// One signal, as several nodes hear it.
#include "coordinator/notices.h"

namespace torchelastic::coordinator {

bool Notices::is_news(const AgentId& node, int signal, Instant now) {
    const auto [entry, first] = heard_.try_emplace(signal, Heard{now, {node}});
    if (first) return true;
    Heard& heard = entry->second;
    const bool same = now - heard.first < kWindow && heard.by.insert(node).second;
    if (!same) heard = {now, {node}};
    return !same;
}

void Notices::told(const Notify& notice, Instant now) {
    latest_ = notice;
    told_at_ = now;
}

std::optional<Notify> Notices::missed(Instant now) const {
    return now - told_at_ < kLatecomers ? latest_ : std::nullopt;
}

}  // namespace torchelastic::coordinator
