// Whether a simulated job gets on, and ends as it should.
#include <fmt/format.h>

#include "world.h"

namespace torchelastic::sim {

using namespace std::chrono_literals;
using namespace coordinator;

namespace {

constexpr Duration kLimit = 3h;  // of a whole job, with all that may befall it

}  // namespace

void World::look() {
    const Network& network = scenario_.network;
    const Duration patience = network.limit() + network.interval + scenario_.grace +
                              scenario_.plan.last_call_timeout + 4 * network.most + 2s;
    const bool quiet = clock_.now() - std::max(moved_, excused_) > patience;
    bool somebody = false;
    for (const auto& node : nodes_)
        somebody |= node->alive();
    if (!somebody) {
        over_ = true;
        return;
    }
    if (clock_.now() - Instant{} > kLimit) throw Violation("does not end: " + situation());
    if (quiet && !waits_rightly()) throw Violation("hangs: " + situation());
    if (!done_ && host_runs() && coordinator_->state() == "running") check_newcomers(patience);
    clock_.in(1s, [this] { look(); });
}

/// Nothing has happened for a while: is there something to wait for?
bool World::waits_rightly() const {
    if (done_ || !nodes_.front()->alive()) return false;
    const std::string_view state = coordinator_->state();
    if (state == "running") return watch_.live() > 0;
    const Plan& plan = scenario_.plan;
    int ready = 0;
    for (const auto& node : nodes_) {
        if (belongs(*node) && node->alive() && node->ready_at) ready += 1;
        if (node->alive() && clock_.now() < node->stuck_until + scenario_.grace) return true;
    }
    bool complete = true;
    for (const AgentId& id : plan.expected)
        complete &= members_.contains(id);
    if (plan.membership != Membership::known)
        complete = members_.size() >= static_cast<std::size_t>(plan.min_nodes);
    if (state == "forming") {
        const bool timely = clock_.now() - moved_ < plan.join_timeout + 2s;
        return timely && (ready < plan.min_nodes || (coordinator_->round() < 0 && !complete));
    }
    // Those who have not come yet are to be told, too.
    return state == "ending" && coordinator_->round() < 0 && !complete &&
           clock_.now() - moved_ < plan.end_timeout + 2s;
}

/// Nobody waits long where there is room.
void World::check_newcomers(Duration patience) const {
    if (watch_.group_size() >= static_cast<std::size_t>(scenario_.plan.max_nodes)) return;
    for (const auto& node : nodes_) {
        if (!node->ready_at || !node->alive() || !belongs(*node)) continue;
        const Instant since = std::max({*node->ready_at, formed_, excused_});
        if (clock_.now() - since <= patience) continue;
        throw Violation(fmt::format("{} waits, and there is room: {}", node->card.id, situation()));
    }
}

void World::check_exit(const Node& node) const {
    const Verdict& verdict = *node.verdict;
    if (node.living() > 0) throw Violation(node.card.id + " exits and its workers run");
    if (node.refused) return;
    const auto told = watch_.told(node.card.id);
    if (told == verdict) {
        if (!watch_.dismissed(node.card.id) || node.harmed || node.cut_off) return;
        throw Violation(node.card.id + " is told to go without a reason: " + verdict.reason);
    }
    const bool alone = verdict.outcome == Outcome::coordinator_lost ||
                       (verdict.outcome == Outcome::interrupted && node.harmed);
    if (node.lost_link && alone && (node.cut_off || !nodes_.front()->alive())) return;
    throw Violation(fmt::format("{} ends with \"{}\", told was \"{}\"", node.card.id,
                                verdict.reason, told ? told->reason : "nothing"));
}

void World::check_end() const {
    if (watch_.live() > 0) throw Violation("workers outlive the job");
    for (const auto& node : nodes_) {
        if (node->alive()) throw Violation("does not end: " + situation());
        if (node->state == Node::State::dead || node->refused || node->cut_off) continue;
        if (!node->verdict && node->stuck_until != Instant{}) continue;
        if (!node->verdict) throw Violation(node->card.id + " ends without a verdict");
        if (!done_ || *node->verdict == done_->verdict || watch_.dismissed(node->card.id)) continue;
        if (!node->adopted && node->lost_link) continue;  // it came too late to be heard
        throw Violation(fmt::format("{} ends with \"{}\", the job with \"{}\"", node->card.id,
                                    node->verdict->reason, done_->verdict.reason));
    }
}

std::string World::situation() const {
    std::map<std::string_view, int> lives;
    for (const auto& node : nodes_) {
        if (node->alive()) lives[node->life.state()] += 1;
    }
    std::string text = fmt::format("the coordinator is {}, round {}, restart {}",
                                   done_ ? "done" : coordinator_->state(), coordinator_->round(),
                                   coordinator_->restart_count());
    for (const auto& [state, count] : lives)
        text += fmt::format(", {} {}", count, state);
    return text;
}

}  // namespace torchelastic::sim
