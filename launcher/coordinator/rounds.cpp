// Forming rounds: whom to wait for and how long, when to begin, who takes part.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "coordinator/coordinator.h"

namespace torchelastic::coordinator {

namespace {

/// Those who may have to coordinate: the next in rank order, and as many again spread over the
/// rest, who are less likely to be lost together with them. All of them would be n * n names.
constexpr std::size_t kNext = 4;

std::vector<Successor> successors_among(const std::vector<Candidate>& nodes,
                                        const AgentId& coordinator) {
    std::vector<Successor> able;
    for (const auto& [card, ready] : nodes) {
        if (card.id == coordinator || card.port == 0) continue;
        able.push_back({card.id, {card.address, card.port}});
    }
    if (able.size() <= 2 * kNext) return able;
    std::vector<Successor> chosen(able.begin(), able.begin() + kNext);
    const std::size_t rest = able.size() - kNext;
    for (std::size_t i = 1; i <= kNext; ++i)
        chosen.push_back(able[kNext + i * rest / kNext - 1]);
    return chosen;
}

}  // namespace

void Coordinator::on_running_timer(Member&, const Event&, Instant now) {
    if (leaving_ && now >= leavers_) return go_on(*leaving_, now);
    if (newcomers_ && now >= *newcomers_) return take_newcomers_in(now);
    arm_running(now);
}

void Coordinator::arm_running(Instant now) {
    if (!leaving_ && !newcomers_) return;
    const Instant next =
        std::min(leaving_ ? leavers_ : Instant::max(), newcomers_.value_or(Instant::max()));
    actions_.emplace_back(ArmTimer{std::max(now, next)});
}

void Coordinator::take_newcomers_in(Instant now) {
    const int waiting = members_.at(Place::ready);
    newcomers_.reset();
    // Whoever asked may be gone; and who has succeeded and left may be missed by a new round.
    if (waiting == 0 || reachable_nodes() < plan_.min_nodes) return;
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

/// The workers of the last round are being stopped. Those who have not noticed yet that its
/// coordinator was lost are to be in the next, too.
void Coordinator::regather(Instant now) {
    phase_ = Phase::stopping;
    regathering_ = true;
    stopped_at_ = now;
    regather_deadline_ = now + plan_.regather;
    stop_deadline_ = std::max(regather_deadline_, now + plan_.end_timeout);
    const bool died = inheritance_->coordinator_died;
    actions_.emplace_back(ArmTimer{died ? now + plan_.regather_after_death : regather_deadline_});
    note(Note::Level::info,
         fmt::format("waiting for the nodes of round {}: {}", round_, inheritance_->why));
}

void Coordinator::end_regathering(Instant now) {
    if (!std::exchange(regathering_, false)) return;
    actions_.emplace_back(ArmTimer{stop_deadline_});
    if (enough_came()) {
        note(Note::Level::warning, fmt::format("node {} coordinates now, after round {}: {}",
                                               plan_.coordinator, round_, inheritance_->why));
        return form_if_complete(now);
    }
    finish({Outcome::agent_lost, 1,
            fmt::format("{}; {} of the {} nodes of the last round are left", inheritance_->why,
                        reachable_nodes(), inheritance_->last.group_size)},
           now);
}

/// Or more may come, where members are not known by name.
bool Coordinator::enough_came() const {
    return plan_.membership != Membership::known || reachable_nodes() >= plan_.min_nodes;
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
    if (regathering_) {
        const LastRound& last = inheritance_->last;
        if (returned_ == last.group_size - (last.with_coordinator ? 1 : 0)) end_regathering(now);
        return;
    }
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
    inheritance_.reset();
    call_the_roll(candidates);
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
        show_roster(candidates[i].card.id, static_cast<int>(i));
        send(candidates[i].card.id, std::move(next));
    }
    for (const auto& [id, agent] : members_.all()) {
        if (agent.place() == Place::ready) show_roster(id, -1);
    }
}

/// From now on it is this round's agents who may have to find another coordinator.
void Coordinator::call_the_roll(const std::vector<Candidate>& candidates) {
    if (plan_.coordinator.empty()) return;
    std::vector<AgentId> nodes;
    nodes.reserve(candidates.size());
    for (const Candidate& each : candidates)
        nodes.push_back(each.card.id);
    const bool coordinator_too =
        std::find(nodes.begin(), nodes.end(), plan_.coordinator) != nodes.end();
    LastRound last;
    last.epoch = epoch_;
    last.number = round_;
    last.since = quorum_.formed(round_, nodes);
    last.restart_count = restarts_;
    last.group_size = static_cast<int>(nodes.size());
    last.with_coordinator = coordinator_too;
    roster_ = Roster{last, plan_.coordinator, -1, successors_among(candidates, plan_.coordinator)};
}

void Coordinator::show_roster(const AgentId& id, int group_rank) {
    if (!roster_) return;
    roster_->group_rank = group_rank;
    send(id, *roster_);
}

}  // namespace torchelastic::coordinator
