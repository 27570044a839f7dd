// Forming rounds: whom to wait for and how long, when to begin, who takes part.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "coordinator/coordinator.h"

namespace torchelastic::coordinator {

void Coordinator::on_newcomers(Member&, const Event&, Instant now) {
    const int waiting = members_.at(Place::ready);
    const bool asked = std::exchange(newcomers_, false);
    // Whoever asked may be gone; and who has succeeded and left may be missed by a new round.
    if (!asked || waiting == 0 || reachable_nodes() < plan_.min_nodes) return;
    stop_round(fmt::format("{} may join; forming a new round, at no cost of a restart",
                           count(static_cast<std::size_t>(waiting), "node")),
               now);
}

/// Begins to wait for as many as a round needs.
void Coordinator::await_members(Instant now) {
    phase_ = Phase::forming;
    join_deadline_ = now + plan_.join_timeout;
    reminder_ = now + plan_.reminder;
    last_call_.reset();
    arm_forming(now);
}

void Coordinator::arm_forming(Instant now) {
    Instant next = join_deadline_;
    if (reminder_) next = std::min(next, *reminder_);
    if (last_call_) next = std::min(next, *last_call_);
    actions_.emplace_back(ArmTimer{std::max(now, next)});
}

void Coordinator::on_forming_timer(Member&, const Event&, Instant now) {
    if (last_call_ && now >= *last_call_) {
        last_call_.reset();
        if (enough()) return form();
    }
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(plan_.join_timeout).count();
    const std::string names = members_.awaited();
    if (now < join_deadline_) {
        if (reminder_ && now >= *reminder_) {
            reminder_.reset();
            note(Note::Level::warning,
                 fmt::format("waiting for {}, for {} s in all (join_timeout)", names, seconds));
        }
        return arm_forming(now);
    }
    const std::string who =
        fmt::format("no word from {} within {} s (join_timeout)", names, seconds);
    if (!enough()) return finish({Outcome::not_formed, 1, who}, now);
    note(Note::Level::warning, who + "; going on without");
    form();
}

bool Coordinator::enough() const {
    return members_.at(Place::ready) >= plan_.min_nodes;
}

/// Where the members are known, or all who may take part have come, a round begins the instant
/// everyone is ready. Else those who are enough give the others a last call: in the first round
/// only, because later everybody who lives is known.
void Coordinator::form_if_complete(Instant now) {
    if (phase_ == Phase::running || !members_.all_settled()) return;
    const bool first = round_ < 0;
    if (plan_.membership == Membership::known) {
        if (!first || members_.never_came() == 0) form();
        return;
    }
    if (!enough()) {
        last_call_.reset();
        if (phase_ == Phase::stopping) await_members(now);
        return;
    }
    if (!first || members_.at(Place::ready) >= plan_.max_nodes) return form();
    if (last_call_) return;
    last_call_ = now + plan_.last_call_timeout;
    arm_forming(now);
}

void Coordinator::form() {
    const std::vector<Candidate> candidates =
        members_.line_up(static_cast<std::size_t>(plan_.max_nodes));
    std::vector<Assignment> assignments = assign_ranks(candidates);
    phase_ = Phase::running;
    await_all_ = false;
    newcomers_ = false;
    round_ += 1;
    started_ = 0;
    group_size_ = candidates.size();
    world_size_ = assignments.front().world_size;
    causes_.clear();
    victims_.clear();
    unfinished_.clear();
    note(Note::Level::info,
         fmt::format("round {}: {}, {}, restart count {}", round_, count(group_size_, "node"),
                     count(static_cast<std::size_t>(world_size_), "worker"), restarts_));
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        Assignment& next = assignments[i];
        next.round = round_;
        next.restart_count = restarts_;
        next.max_restarts = plan_.max_restarts;
        next.run_id = plan_.run_id;
        Member& member = *members_.find(candidates[i].card.id);
        members_.move(member, Place::assigned);
        member.slot = i;
        unfinished_.insert(candidates[i].card.id);
        send(candidates[i].card.id, std::move(next));
    }
}

}  // namespace torchelastic::coordinator
