// Asking, standing, counting.
#include "coordinator/succession.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace torchelastic::coordinator {

void Succession::roster(const Roster& roster) {
    last_ = roster.last;
    coordinator_ = roster.coordinator;
    successors_ = roster.successors;
    group_rank_ = roster.group_rank;
    coordinator_died_ = false;
    succeeded_ = false;
    next_ = 0;
}

Succession::Actions Succession::lost(const std::string& why, bool died, Instant now) {
    if (state_ != State::following) return {};
    why_ = why;
    if (last_.number < 0) return give_up("");
    why_ = fmt::format("node {}, {}", succeeded_ ? leader() : coordinator_, why);
    // One that took over and is lost before it formed a round was not that of the last round.
    if (succeeded_) {
        next_ += 1;
    } else {
        coordinator_died_ = died;
    }
    return ask(now);
}

/// The next of the successors, unless it is this agent's turn.
Succession::Actions Succession::ask(Instant now) {
    answer_.clear();
    if (next_ >= successors_.size()) return give_up("none of those who could coordinate is left");
    const Successor& successor = successors_[next_];
    if (successor.id == own_.id) {
        state_ = State::standing;
        Actions actions = count(now);
        if (state_ == State::standing) actions.emplace_back(WaitUntil{now + patience_});
        return actions;
    }
    state_ = State::asking;
    return {Dial{successor}, WaitUntil{std::nullopt}};
}

Succession::Actions Succession::reached(Instant now) {
    if (state_ != State::asking) return {};
    // Twice: whoever is asked may itself have to wait for others.
    return {SendReport{own_report()}, WaitUntil{now + 2 * patience_}};
}

Succession::Actions Succession::missed(const std::string& why, Instant now) {
    if (state_ != State::asking) return {};
    answer_ = why;
    next_ += 1;
    return ask(now);
}

Succession::Actions Succession::led(const Lead&) {
    if (state_ == State::leading) return {};
    state_ = State::following;
    succeeded_ = true;
    Actions actions = {WaitUntil{std::nullopt}};
    for (const auto& [id, each] : reports_) {
        actions.emplace_back(SendDefer{
            id, {fmt::format("node {} has node {} for a coordinator", own_.id, leader())}});
    }
    return actions;
}

Succession::Actions Succession::deferred(const Defer& answer) {
    answer_ = answer.why;
    return {};
}

Succession::Actions Succession::report(const Report& report, Instant now) {
    reports_[report.card.id] = report;
    if (state_ == State::standing) return count(now);
    const char* const does = state_ == State::following ? "still has a coordinator"
                             : state_ == State::asking  ? "asks another"
                                                        : "is about to end";
    return {SendDefer{report.card.id, {fmt::format("node {} {}", own_.id, does)}}};
}

Succession::Actions Succession::time_up(Instant) {
    if (state_ == State::asking) {
        return give_up(answer_.empty() ? "node " + leader() + " does not answer" : answer_);
    }
    if (state_ != State::standing) return {};
    return give_up(
        fmt::format("node {} would coordinate, and {} of the {} nodes of the last round "
                    "have come to it",
                    own_.id, voters_, last_.group_size));
}

void Succession::retire() {
    if (state_ == State::asking || state_ == State::standing) state_ = State::alone;
}

/// Of the latest round that anyone knows of: are those who were in it, and are here, more than half
/// of those who may live?
Succession::Actions Succession::count(Instant) {
    std::vector<Report> all = {own_report()};
    for (const auto& [id, each] : reports_)
        all.push_back(each);
    const auto age = [](const Report& each) {
        return std::tuple(each.last.epoch, each.last.number, each.last.restart_count);
    };
    Inheritance next;
    next.last = std::max_element(all.begin(), all.end(), [&](const Report& a, const Report& b) {
                    return age(a) < age(b);
                })->last;
    next.epoch = next.last.epoch + 1 + static_cast<int>(next_);
    next.why = "lost the coordinator: " + why_;
    for (const Report& each : all) {
        if (each.last.epoch != next.last.epoch || each.last.since != next.last.since) continue;
        next.coordinator_died |= each.coordinator_died;
        next.members.insert(each.others.begin(), each.others.end());
        if (each.group_rank >= 0) next.members.insert(each.card.id);
    }
    voters_ = static_cast<int>(std::count_if(all.begin(), all.end(), [&](const Report& each) {
        return next.members.contains(each.card.id);
    }));
    const int gone = next.last.with_coordinator && next.coordinator_died ? 1 : 0;
    if (2 * voters_ <= next.last.group_size - gone) return {};
    state_ = State::leading;
    return {WaitUntil{std::nullopt}, TakeOver{std::move(next), std::move(all)}};
}

Succession::Actions Succession::give_up(const std::string& why) {
    const bool stood = std::exchange(state_, State::alone) == State::standing;
    return {WaitUntil{std::nullopt}, GiveUp{why.empty() ? why_ : why_ + "; " + why, stood}};
}

Report Succession::own_report() const {
    Report report{own_, last_, group_rank_, coordinator_died_};
    for (const Successor& each : successors_)
        report.others.push_back(each.id);
    return report;
}

const AgentId& Succession::leader() const {
    return successors_.at(next_).id;
}

std::string_view Succession::state() const {
    constexpr std::string_view kNames[] = {"following", "asking", "standing", "leading", "alone"};
    return kNames[static_cast<std::size_t>(state_)];
}

}  // namespace torchelastic::coordinator
