// The coordinator's decisions: one function for each entry of the table. rounds.cpp forms
// rounds, departures.cpp does without those who go.
#include "coordinator/coordinator.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/signal_name.h"
#include "base/text.h"

namespace torchelastic::coordinator {

// clang-format off
const Coordinator::Handler Coordinator::kTable[kPhases][kEvents] = {
    // events:  hello                  unable                     ready                   started
    //          failed                 succeeded                  leaving                 ended
    //          report                 notified                   lost                    time is up
    //          deadline known
    /* forming */
    {&Coordinator::ignore,      &Coordinator::on_unable,       &Coordinator::on_ready,     &Coordinator::ignore,
     &Coordinator::ignore,      &Coordinator::ignore,          &Coordinator::on_leaving,   &Coordinator::on_departed,
     &Coordinator::ignore,      &Coordinator::on_notified,     &Coordinator::on_lost,      &Coordinator::on_forming_timer,
     &Coordinator::on_deadline},
    /* running */
    {&Coordinator::ignore,      &Coordinator::on_unable,       &Coordinator::on_ready,     &Coordinator::on_started,
     &Coordinator::on_failed,   &Coordinator::on_succeeded,    &Coordinator::on_leaving,   &Coordinator::on_departed,
     &Coordinator::ignore,      &Coordinator::on_notified,     &Coordinator::on_lost,      &Coordinator::on_running_timer,
     &Coordinator::on_deadline},
    /* stopping */
    {&Coordinator::ignore,      &Coordinator::on_unable,       &Coordinator::on_ready,     &Coordinator::ignore,
     &Coordinator::on_victim,   &Coordinator::ignore,          &Coordinator::on_leaving,   &Coordinator::on_departed,
     &Coordinator::ignore,      &Coordinator::on_notified,     &Coordinator::on_lost,      &Coordinator::on_stop_timeout,
     &Coordinator::on_deadline},
    /* ending */
    {&Coordinator::ignore,      &Coordinator::ignore,          &Coordinator::ignore,       &Coordinator::ignore,
     &Coordinator::on_victim,   &Coordinator::ignore,          &Coordinator::on_hurry,     &Coordinator::on_ended,
     &Coordinator::ignore,      &Coordinator::ignore,          &Coordinator::on_ended,     &Coordinator::on_end_timeout,
     &Coordinator::ignore},
    /* ended */
    {&Coordinator::ignore,      &Coordinator::ignore,          &Coordinator::ignore,       &Coordinator::ignore,
     &Coordinator::ignore,      &Coordinator::ignore,          &Coordinator::ignore,       &Coordinator::ignore,
     &Coordinator::ignore,      &Coordinator::ignore,          &Coordinator::ignore,       &Coordinator::ignore,
     &Coordinator::ignore},
};
// clang-format on

Coordinator::Coordinator(Plan plan)
    : plan_(std::move(plan)), members_(plan_.membership, plan_.expected, plan_.min_nodes) {}

Coordinator::Coordinator(Plan plan, const Inheritance& inheritance) : Coordinator(std::move(plan)) {
    const LastRound& last = inheritance.last;
    inheritance_ = inheritance;
    epoch_ = inheritance.epoch;
    round_ = last.number;
    restarts_ = last.restart_count;
    quorum_.inherited(last);
}

std::vector<Action> Coordinator::begin(Instant now) {
    inheritance_ ? regather(now) : await_members(now);
    return std::exchange(actions_, {});
}

std::optional<std::string> Coordinator::refusal(const Card& card) const {
    if (const auto why = members_.refusal(card)) return *why + " run " + plan_.run_id;
    if (phase_ == Phase::ended || (phase_ == Phase::ending && !await_all_)) {
        return fmt::format("run {} has ended: {}", plan_.run_id, verdict_.reason);
    }
    return std::nullopt;
}

std::string_view Coordinator::state() const {
    constexpr std::string_view kNames[kPhases] = {"forming", "running", "stopping", "ending",
                                                  "ended"};
    return kNames[static_cast<std::size_t>(phase_)];
}

std::vector<Action> Coordinator::handle(const Event& event, Instant now) {
    const auto* hello = std::get_if<Hello>(&event.what);
    const auto* report = std::get_if<Report>(&event.what);
    if (hello != nullptr || report != nullptr) {
        const Card& card = hello != nullptr ? hello->card : report->card;
        if (card.id != event.agent || refusal(card)) return {};
        Member& member = members_.add(card);
        if (report != nullptr) admit(member, *report);
        if (phase_ == Phase::ending) send(event.agent, Finish{verdict_});
        if (const auto missed = notices_.missed(now)) send(event.agent, *missed);
        return std::exchange(actions_, {});
    }
    Member nobody;
    Member* agent = &nobody;
    const bool of_nobody = std::holds_alternative<TimeUp>(event.what) ||
                           std::holds_alternative<DeadlineKnown>(event.what);
    if (!of_nobody) {
        agent = members_.find(event.agent);
        // One that has ended may still be told to go: the coordinator's, which waits for others.
        const bool again = std::holds_alternative<Leaving>(event.what) && phase_ == Phase::ending;
        if (agent == nullptr && !again) return {};
        if (agent == nullptr) agent = &nobody;
    }
    const Handler handler = kTable[static_cast<std::size_t>(phase_)][event.what.index()];
    (this->*handler)(*agent, event, now);
    return std::exchange(actions_, {});
}

void Coordinator::ignore(Member&, const Event&, Instant) {}

/// Of the round that was inherited it keeps its place.
void Coordinator::admit(Member& agent, const Report& report) {
    send(agent.card.id, Lead{epoch_});
    if (!inheritance_) return;
    const bool knows_it = report.group_rank >= 0 && report.last.epoch == inheritance_->last.epoch &&
                          report.last.since == inheritance_->last.since;
    if (knows_it) agent.slot = static_cast<std::size_t>(report.group_rank);
    if (!knows_it && !inheritance_->members.contains(agent.card.id)) return;
    quorum_.joined(agent.card.id);
    returned_ += 1;
}

void Coordinator::on_ready(Member& agent, const Event& event, Instant now) {
    if (agent.place() != Place::joined) return;
    quorum_.knows(agent.card.id, round_);
    agent.ready = std::get<Ready>(event.what);
    members_.move(agent, Place::ready);
    if (phase_ != Phase::running) return form_if_complete(now);
    show_roster(agent.card.id, -1);
    if (group_size_ >= static_cast<std::size_t>(plan_.max_nodes)) {
        return note(Note::Level::info, fmt::format("node {} stands by: {} run", agent.card.id,
                                                   count(group_size_, "node")));
    }
    if (newcomers_) return;
    newcomers_ = now + plan_.last_call_timeout;  // others may come as well: one round for all
    arm_running(now);
}

void Coordinator::on_started(Member& agent, const Event& event, Instant now) {
    if (std::get<Started>(event.what).round != round_) return;
    quorum_.knows(agent.card.id, round_);
    started_ += 1;
    if (started_ == 1) early_ends_.begin(now);
    if (started_ != group_size_) return;
    const std::string workers = count(static_cast<std::size_t>(world_size_), "worker");
    if (round_ == 0) return note(Note::Level::info, fmt::format("round 0: {} run", workers));
    const std::chrono::duration<double> pause = now - stopped_at_;
    note(Note::Level::warning,
         fmt::format("round {}: {} run again after {:.3f} s", round_, workers, pause.count()));
}

void Coordinator::on_failed(Member& agent, const Event& event, Instant now) {
    const auto& failed = std::get<Failed>(event.what);
    if (failed.round != round_ || agent.place() != Place::assigned) return;
    if (leaving_) {  // its peers were told to end
        victims_.push_back(failed.failure);
        return go_on(*leaving_, now);
    }
    causes_.push_back(failed.failure);
    const std::string what = describe(failed.failure);
    const int code = shell_code(failed.failure);
    if (failed.failure.never_started) {
        return finish({Outcome::worker_failed, code, what + ": not tried again"}, now);
    }
    early_ends_.add(failed.failure, now);
    if (plan_.membership == Membership::known && reachable_nodes() < plan_.min_nodes) {
        return finish(
            {Outcome::worker_failed, code, what + "; too few nodes are left to restart with"}, now);
    }
    if (restarts_ == plan_.max_restarts) {
        std::string left =
            plan_.max_restarts == 0
                ? "no restarts were asked for (--max-restarts)"
                : fmt::format("no restart is left (--max-restarts={})", plan_.max_restarts);
        if (const auto early = early_ends_.words(); !early.empty()) left += "; " + early;
        return finish({Outcome::worker_failed, code, what + "; " + left}, now);
    }
    restarts_ += 1;
    stop_round(fmt::format("{}; restarting all {} (restart {} of {})", what,
                           count(static_cast<std::size_t>(world_size_), "worker"), restarts_,
                           plan_.max_restarts),
               now);
}

void Coordinator::on_victim(Member&, const Event& event, Instant) {
    const auto& failed = std::get<Failed>(event.what);
    if (failed.round == round_) victims_.push_back(failed.failure);
}

void Coordinator::on_succeeded(Member& agent, const Event& event, Instant now) {
    if (std::get<Succeeded>(event.what).round != round_) return;
    unfinished_.erase(agent.card.id);
    if (unfinished_.empty()) finish({Outcome::succeeded, 0, "all workers succeeded"}, now);
}

void Coordinator::on_ended(Member& agent, const Event&, Instant) {
    members_.move(agent, Place::gone);
    end_if_all_ended();
}

/// Those who have not come yet will hear of the end otherwise.
void Coordinator::on_hurry(Member&, const Event&, Instant) {
    await_all_ = false;
    end_if_all_ended();
}

void Coordinator::on_end_timeout(Member&, const Event&, Instant) {
    for (auto& [id, agent] : members_.all()) {
        if (agent.place() == Place::gone) continue;
        note(Note::Level::warning, fmt::format("node {} did not confirm the end", id));
        members_.move(agent, Place::gone);
    }
    await_all_ = false;
    end_if_all_ended();
}

void Coordinator::stop_round(const std::string& reason, Instant now) {
    phase_ = Phase::stopping;
    newcomers_.reset();
    leaving_.reset();
    stopped_at_ = now;
    note(Note::Level::warning, reason);
    for (auto& [id, agent] : members_.all()) {
        if (agent.place() != Place::assigned) continue;
        members_.move(agent, Place::joined);
        send(id, Stop{round_, reason, restarts_});
    }
    stop_deadline_ = now + plan_.end_timeout;
    actions_.emplace_back(ArmTimer{stop_deadline_});
    form_if_complete(now);
}

void Coordinator::finish(Verdict verdict, Instant now) {
    phase_ = Phase::ending;
    verdict_ = std::move(verdict);
    note(verdict_.exit_code == 0 ? Note::Level::info : Note::Level::warning, verdict_.reason);
    for (const auto& [id, agent] : members_.all()) {
        const bool told = agent.place() == Place::leaving || agent.place() == Place::gone;
        if (!told) send(id, Finish{verdict_});
    }
    actions_.emplace_back(ArmTimer{now + plan_.end_timeout});
    end_if_all_ended();
}

void Coordinator::end_if_all_ended() {
    const bool waits = await_all_ && members_.never_came() > 0;
    const int left = members_.here() + members_.at(Place::leaving);
    if (left > 0 || phase_ != Phase::ending || waits) return;
    phase_ = Phase::ended;
    std::stable_sort(victims_.begin(), victims_.end(), [](const auto& a, const auto& b) {
        return std::tie(a.ordered, a.time_us) < std::tie(b.ordered, b.time_us);
    });
    std::vector<WorkerFailure> failures = std::move(causes_);
    failures.insert(failures.end(), victims_.begin(), victims_.end());
    actions_.emplace_back(Done{verdict_, std::move(failures)});
}

void Coordinator::on_notified(Member& agent, const Event& event, Instant now) {
    const int signal = std::get<Notified>(event.what).signal;
    if (notices_.is_news(agent.card.id, signal, now)) actions_.emplace_back(AskDeadline{signal});
}

void Coordinator::on_deadline(Member&, const Event& event, Instant now) {
    const auto& [signal, at_s] = std::get<DeadlineKnown>(event.what);
    const Notify notice{signal, at_s};
    notices_.told(notice, now);
    for (const auto& [id, agent] : members_.all()) {
        const bool here = agent.place() != Place::leaving && agent.place() != Place::gone;
        if (here) send(id, notice);
    }
    note(Note::Level::info, "passed " + signal_name(signal) + " on to all workers");
}

/// Those who are here and, before the first round, those who may still come.
int Coordinator::reachable_nodes() const {
    return members_.here() + (round_ < 0 ? members_.never_came() : 0);
}

void Coordinator::send(const AgentId& agent, Down message) {
    actions_.emplace_back(Send{agent, std::move(message)});
}

void Coordinator::note(Note::Level level, std::string text) {
    actions_.emplace_back(Note{level, std::move(text)});
}

}  // namespace torchelastic::coordinator
