// Whether a simulated job gets on, and ends as it should.
#include <algorithm>

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
    const Duration notice = network.limit() + network.interval + 4 * network.most + 2s;
    const Duration slow = notice + scenario_.grace + scenario_.plan.last_call_timeout;
    bool somebody = false;
    bool electing = false;
    for (const auto& node : nodes_) {
        somebody |= node->alive();
        if (!node->alive() || !node->orphaned) continue;
        electing = true;
        if (clock_.now() - std::max(*node->orphaned, excused_) > 20 * patience()) {
            throw Violation(node->card.id + " has no coordinator: " + situation());
        }
    }
    if (!somebody) {
        over_ = true;
        return;
    }
    if (clock_.now() - Instant{} > kLimit) throw Violation("does not end: " + situation());
    const Duration enough = electing ? slow + 4 * patience() : slow;
    const bool quiet = clock_.now() - std::max(moved_, excused_) > enough;
    if (quiet && !waits_rightly()) throw Violation("hangs: " + situation());
    if (leader() != nullptr) check_newcomers(slow + patience());
    check_one_coordinator();
    clock_.in(1s, [this] { look(); });
}

/// Nothing has happened for a while: is there something to wait for?
bool World::waits_rightly() const {
    const Node* const leads = leader();
    if (leads == nullptr) return false;
    const Desk& desk = *leads->desk;
    const std::string_view state = desk.coordinator.state();
    if (state == "running") return ranks_.live() > 0;
    const Plan& plan = scenario_.plan;
    int ready = 0;
    for (const auto& node : nodes_) {
        if (belongs(*node, *leads) && node->alive() && node->ready_at) ready += 1;
        if (node->alive() && clock_.now() < node->stuck_until + scenario_.grace) return true;
    }
    bool complete = true;
    for (const AgentId& id : plan.expected)
        complete &= desk.members.contains(id);
    if (plan.membership != Membership::known)
        complete = desk.members.size() >= static_cast<std::size_t>(plan.min_nodes);
    if (state == "forming") {
        const bool timely = clock_.now() - moved_ < plan.join_timeout + 2s;
        return timely && (ready < plan.min_nodes || (desk.coordinator.round() < 0 && !complete));
    }
    // Those who have not come yet are to be told, too.
    return state == "ending" && desk.coordinator.round() < 0 && !complete &&
           clock_.now() - moved_ < plan.end_timeout + 2s;
}

/// Nobody waits long where there is room.
void World::check_newcomers(Duration patience) const {
    const Node& leads = *leader();
    const Desk& desk = *leads.desk;
    if (leads.state != Node::State::runs || desk.coordinator.state() != "running") return;
    if (desk.watch.group_size() >= static_cast<std::size_t>(scenario_.plan.max_nodes)) return;
    for (const auto& node : nodes_) {
        if (!node->ready_at || !node->alive() || !belongs(*node, leads)) continue;
        const Instant since = std::max({*node->ready_at, desk.formed, excused_});
        if (clock_.now() - since <= patience) continue;
        throw Violation(fmt::format("{} waits, and there is room: {}", node->card.id, situation()));
    }
}

/// Of several that coordinate all but one notice before long that they have been given up.
void World::check_one_coordinator() {
    const Network& network = scenario_.network;
    std::vector<std::string> rivals;
    for (const Node* each : leaders_) {
        const bool runs = each->leads() && each->state == Node::State::runs;
        const std::string_view state = runs ? each->desk->coordinator.state() : "ended";
        if (state == "running" || state == "stopping" || state == "forming") {
            rivals.push_back(each->card.id);
        }
    }
    if (rivals.size() < 2) {
        rivals_.reset();
        return;
    }
    if (!rivals_) rivals_ = clock_.now();
    const Duration notice = network.limit() + 2 * network.interval + 4 * network.most;
    if (clock_.now() - std::max(*rivals_, excused_) <= notice) return;
    throw Violation(fmt::format("{} coordinate at once: {}", rivals.size(), situation()));
}

/// Those who are left after a single loss, and were never harmed, are not to give up if they are
/// enough.
void World::check_surrender(const Node& surrendering) const {
    if (losses_ > 1 || surrendering.cut_off || surrendering.harmed) return;
    if (!surrendering.succession.in_round()) return;
    std::vector<LastRound> known;
    for (const auto& node : nodes_) {
        const bool able = node->alive() && !node->cut_off && !node->harmed && !node->verdict;
        if (able && node->orphaned && node->succession.in_round()) {
            known.push_back(node->succession.last());
        }
    }
    const auto age = [](const LastRound& last) { return std::pair(last.epoch, last.number); };
    if (known.empty()) return;
    const LastRound latest =
        *std::max_element(known.begin(), known.end(),
                          [&](const LastRound& a, const LastRound& b) { return age(a) < age(b); });
    const auto orphans = std::count_if(known.begin(), known.end(), [&](const LastRound& each) {
        return each.epoch == latest.epoch && each.since == latest.since;
    });
    const int size = latest.group_size;
    if (2 * orphans <= size) return;
    throw Violation(fmt::format("{} gives up, and {} of {} are left: {}", surrendering.card.id,
                                orphans, size, situation()));
}

void World::check_exit(const Node& node) const {
    const Verdict& verdict = *node.verdict;
    if (node.living() > 0) throw Violation(node.card.id + " exits and its workers run");
    if (node.refused) return;
    const bool told = std::find(node.told.begin(), node.told.end(), verdict) != node.told.end();
    if (told) {
        if (!node.dismissed || node.harmed || node.cut_off) return;
        throw Violation(node.card.id + " is told to go without a reason: " + verdict.reason);
    }
    const bool alone = verdict.outcome == Outcome::coordinator_lost ||
                       (verdict.outcome == Outcome::interrupted && node.harmed);
    if (node.lost_link && alone) return;
    throw Violation(
        fmt::format("{} ends with \"{}\", which nobody told it", node.card.id, verdict.reason));
}

void World::check_end() const {
    if (ranks_.live() > 0) throw Violation("workers outlive the job");
    for (const auto& node : nodes_) {
        if (node->alive()) throw Violation("does not end: " + situation());
        if (node->state == Node::State::dead || node->refused || node->cut_off) continue;
        if (!node->verdict && node->stuck_until != Instant{}) continue;
        if (!node->verdict) throw Violation(node->card.id + " ends without a verdict");
        if (node->leader == nullptr || node->dismissed) continue;  // it came too late to be heard
        const auto& done = node->leader->desk->done;
        if (!done || *node->verdict == done->verdict) continue;
        const bool lost = node->verdict->outcome == Outcome::coordinator_lost;
        const bool interrupted = node->verdict->outcome == Outcome::interrupted && node->harmed;
        if (node->lost_link && ((lost && node->leader->cut_off) || interrupted)) continue;
        throw Violation(fmt::format("{} ends with \"{}\", the job with \"{}\"", node->card.id,
                                    node->verdict->reason, done->verdict.reason));
    }
}

std::string World::situation() const {
    std::map<std::string, int> lives;
    for (const auto& node : nodes_) {
        if (!node->alive()) continue;
        lives[fmt::format("{} and {}", node->life.state(), node->succession.state())] += 1;
    }
    const Node& last = *latest();
    std::string text =
        fmt::format("the coordinator {} is {}, round {}, restart {}", last.card.id,
                    last.leads() ? last.desk->coordinator.state() : "no more",
                    last.desk->coordinator.round(), last.desk->coordinator.restart_count());
    for (const auto& [state, count] : lives)
        text += fmt::format(", {} {}", count, state);
    return text;
}

}  // namespace torchelastic::sim
