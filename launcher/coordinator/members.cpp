// Counting and ordering members.
#include "coordinator/members.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::coordinator {

namespace {

bool departs(Place place) {
    return place == Place::leaving || place == Place::gone;
}

}  // namespace

Members::Members(Membership membership, std::vector<AgentId> expected, int least)
    : membership_(membership),
      expected_(std::move(expected)),
      absent_(expected_.begin(), expected_.end()),
      least_(least) {}

std::optional<std::string> Members::refusal(const Card& card) const {
    const auto known = members_.find(card.id);
    if (known != members_.end()) {
        return departs(known->second.place())
                   ? fmt::format("node {} has already left", card.id)
                   : fmt::format("node {} takes part already in", card.id);
    }
    if (membership_ == Membership::known && !absent_.contains(card.id)) {
        return fmt::format("node {} is not a member of", card.id);
    }
    if (membership_ != Membership::ranked) return std::nullopt;
    if (card.order < 0 || card.order >= least_) {
        return fmt::format("node {} has --node-rank={}, and there are {} nodes in", card.id,
                           card.order, least_);
    }
    if (const auto other = ranked_.find(card.order); other != ranked_.end()) {
        return fmt::format("node {} has --node-rank={}, as node {} has in", card.id, card.order,
                           other->second);
    }
    return std::nullopt;
}

Member& Members::add(const Card& card) {
    const auto [place, added] = members_.try_emplace(card.id);
    Member& member = place->second;
    if (added) count_of(member.place_) += 1;
    absent_.erase(card.id);
    member.card = card;
    if (membership_ == Membership::ranked) ranked_[card.order] = card.id;
    return member;
}

void Members::move(Member& member, Place place) {
    count_of(member.place_) -= 1;
    count_of(place) += 1;
    member.place_ = place;
    const auto rank = ranked_.find(member.card.order);
    if (departs(place) && rank != ranked_.end() && rank->second == member.card.id) {
        ranked_.erase(rank);
    }
}

Member* Members::find(const AgentId& id) {
    const auto found = members_.find(id);
    if (found == members_.end() || found->second.place() == Place::gone) return nullptr;
    return &found->second;
}

int Members::here() const {
    return static_cast<int>(members_.size()) - at(Place::leaving) - at(Place::gone);
}

int Members::never_came() const {
    if (membership_ == Membership::known) return static_cast<int>(absent_.size());
    return std::max(0, least_ - static_cast<int>(members_.size()));
}

bool Members::all_settled() const {
    return at(Place::joined) + at(Place::assigned) + at(Place::leaving) == 0;
}

std::string Members::awaited() const {
    std::vector<std::string> absent;
    if (membership_ == Membership::known) {
        for (const AgentId& id : expected_) {
            const auto found = members_.find(id);
            if (found == members_.end() || found->second.place() == Place::joined) {
                absent.push_back(id);
            }
        }
        return join(absent, ", ");
    }
    for (const auto& [id, member] : members_) {
        if (member.place() == Place::joined) absent.push_back(id);
    }
    for (int rank = 0; membership_ == Membership::ranked && rank < least_; ++rank) {
        if (!ranked_.contains(rank)) absent.push_back(fmt::format("node rank {}", rank));
    }
    if (membership_ == Membership::open && here() < least_) {
        absent.push_back(count(static_cast<std::size_t>(least_ - here()), "more node"));
    }
    return join(absent, ", ");
}

std::vector<Candidate> Members::line_up(std::size_t most) const {
    std::vector<const Member*> survivors;
    std::vector<const Member*> newcomers;
    for (const auto& [id, member] : members_) {
        if (member.place() != Place::ready) continue;
        (member.slot ? survivors : newcomers).push_back(&member);
    }
    std::sort(survivors.begin(), survivors.end(),
              [](const Member* a, const Member* b) { return *a->slot < *b->slot; });
    std::sort(newcomers.begin(), newcomers.end(), [](const Member* a, const Member* b) {
        return std::tie(a->card.order, a->card.id) < std::tie(b->card.order, b->card.id);
    });
    std::vector<Candidate> line;
    auto next = newcomers.begin();
    const auto take = [&](const Member& member) {
        if (line.size() < most) line.push_back({member.card, member.ready});
    };
    for (const Member* survivor : survivors) {
        // Those who are to drop out stand at the end: what is free before a survivor is filled.
        while (line.size() < *survivor->slot && next != newcomers.end())
            take(**next++);
        take(*survivor);
    }
    while (next != newcomers.end())
        take(**next++);
    return line;
}

}  // namespace torchelastic::coordinator
