// Agents that go, are lost or cannot take part, and what becomes of the job without them.
#include <fmt/format.h>

#include "base/signal_name.h"
#include "base/text.h"
#include "coordinator/coordinator.h"

namespace torchelastic::coordinator {

namespace {

constexpr int kSignalled = 128;

/// A scheduler tells all nodes to end, not just the first one that says so.
constexpr Duration kOthersMayLeave = std::chrono::milliseconds(250);

constexpr const char* kMinority =
    "; this node is cut off from more than half of the others, who may go on without it";

Verdict agent_lost(const AgentId& id, const std::string& why) {
    return {Outcome::agent_lost, 1, fmt::format("lost node {}: {}", id, why)};
}

std::string too_few(int min_nodes) {
    return fmt::format(
        "; the job ends, because it needs {} (--nnodes=MIN:MAX says how few will do)",
        count(static_cast<std::size_t>(min_nodes), "node"));
}

}  // namespace

void Coordinator::on_unable(Member& agent, const Event& event, Instant now) {
    if (agent.place() == Place::leaving) return;
    const std::string why = fmt::format("node {} cannot take part: {}", agent.card.id,
                                        std::get<Unable>(event.what).reason);
    await_all_ = round_ < 0;
    const Verdict verdict{Outcome::not_formed, 1, why};
    dismiss(agent, verdict, now);
    if (phase_ != Phase::ending) go_on_without(agent, verdict, now);
}

void Coordinator::on_leaving(Member& agent, const Event& event, Instant now) {
    if (agent.place() == Place::leaving) return;
    const int signal = std::get<Leaving>(event.what).signal;
    const Verdict verdict{
        Outcome::interrupted, kSignalled + signal,
        fmt::format("node {} was told to end by {}", agent.card.id, signal_name(signal))};
    dismiss(agent, verdict, now);
    if (phase_ == Phase::ending) return;
    if (phase_ != Phase::running || !unfinished_.contains(agent.card.id)) {
        return go_on_without(agent, verdict, now);
    }
    if (leaving_) return;
    leaving_ = verdict;
    leavers_ = now + kOthersMayLeave;
    arm_running(now);
}

void Coordinator::on_lost(Member& agent, const Event& event, Instant now) {
    const auto& lost = std::get<Lost>(event.what);
    quorum_.lost(agent.card.id, lost.died);
    Verdict verdict = agent_lost(agent.card.id, lost.why);
    if (agent.place() == Place::leaving) return on_departed(agent, event, now);
    members_.move(agent, Place::gone);
    if (!quorum_.holds()) {
        verdict.reason += kMinority;
        return finish(verdict, now);
    }
    if (!can_go_on()) verdict.reason += too_few(plan_.min_nodes);
    go_on_without(agent, verdict, now);
}

/// Nothing runs any more where an agent was told to go.
void Coordinator::on_departed(Member& agent, const Event&, Instant now) {
    if (agent.place() != Place::leaving) return;
    quorum_.lost(agent.card.id, true);
    members_.move(agent, Place::gone);
    form_if_complete(now);
}

void Coordinator::on_stop_timeout(Member&, const Event&, Instant now) {
    if (regathering_ && now < regather_deadline_ && !enough_came()) {
        actions_.emplace_back(ArmTimer{regather_deadline_});
        return;
    }
    if (now < stop_deadline_) return end_regathering(now);
    std::vector<AgentId> late;
    for (auto& [id, agent] : members_.all()) {
        if (agent.place() == Place::joined) late.push_back(id);
        if (agent.place() != Place::leaving) continue;
        quorum_.lost(id, true);
        members_.move(agent, Place::gone);
    }
    form_if_complete(now);
    for (const AgentId& id : late) {
        Member& agent = members_.all().at(id);
        const Verdict verdict = agent_lost(id, "its workers did not stop");
        send(id, Finish{verdict});
        quorum_.lost(id, true);
        members_.move(agent, Place::gone);
        go_on_without(agent, verdict, now);
        if (phase_ == Phase::ending) return;
    }
}

/// An agent goes while it can still be told so.
void Coordinator::dismiss(Member& agent, const Verdict& verdict, Instant now) {
    if (reachable_nodes() - 1 < plan_.min_nodes) return finish(verdict, now);
    send(agent.card.id, Finish{verdict});
    members_.move(agent, Place::leaving);
}

/// An agent is no more, or will soon be.
void Coordinator::go_on_without(Member& agent, const Verdict& otherwise, Instant now) {
    const bool took_part = unfinished_.contains(agent.card.id);
    if (phase_ != Phase::running || took_part) go_on(otherwise, now);
}

/// What remains is enough, or waits for somebody in the place of the missing, where any may come.
bool Coordinator::can_go_on() const {
    const bool any_may_come = plan_.membership != Membership::known && members_.here() > 0;
    return reachable_nodes() >= plan_.min_nodes || regathering_ || any_may_come;
}

/// Needs no permission from the budget. Or the job ends.
void Coordinator::go_on(const Verdict& otherwise, Instant now) {
    if (!can_go_on()) return finish(otherwise, now);
    const bool enough_left = reachable_nodes() >= plan_.min_nodes;
    const std::string next = otherwise.reason + (enough_left ? "; going on with the other nodes"
                                                             : "; waiting for another node");
    if (phase_ == Phase::running) {
        return stop_round(next + ", at no cost of a restart", now);
    }
    note(Note::Level::warning, next);
    form_if_complete(now);
}

}  // namespace torchelastic::coordinator
