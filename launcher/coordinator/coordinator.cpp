// The coordinator's decisions: one table of phase times event, one function for each entry.
#include "coordinator/coordinator.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/signal_name.h"
#include "base/text.h"

namespace torchelastic::coordinator {

namespace {

constexpr int kSignalled = 128;

Verdict agent_lost(const AgentId& id, const std::string& why) {
    return {Outcome::agent_lost, 1, fmt::format("lost node {}: {}", id, why)};
}

}  // namespace

// clang-format off
const Coordinator::Handler Coordinator::kTable[kPhases][kEvents] = {
    // events:  hello                  unable                     ready                   started
    //          failed                 succeeded                  leaving                 ended
    //          lost                   time is up
    /* forming */
    {&Coordinator::ignore,     &Coordinator::on_unable,    &Coordinator::on_ready,   &Coordinator::ignore,
     &Coordinator::ignore,     &Coordinator::ignore,       &Coordinator::on_leaving, &Coordinator::ignore,
     &Coordinator::on_lost,    &Coordinator::on_join_timeout},
    /* running */
    {&Coordinator::ignore,     &Coordinator::on_unable,    &Coordinator::on_ready,   &Coordinator::on_started,
     &Coordinator::on_failed,  &Coordinator::on_succeeded, &Coordinator::on_leaving, &Coordinator::ignore,
     &Coordinator::on_lost,    &Coordinator::ignore},
    /* stopping */
    {&Coordinator::ignore,     &Coordinator::on_unable,    &Coordinator::on_ready,   &Coordinator::ignore,
     &Coordinator::on_victim,  &Coordinator::ignore,       &Coordinator::on_leaving, &Coordinator::ignore,
     &Coordinator::on_lost,    &Coordinator::on_stop_timeout},
    /* ending */
    {&Coordinator::ignore,     &Coordinator::ignore,       &Coordinator::ignore,     &Coordinator::ignore,
     &Coordinator::on_victim,  &Coordinator::ignore,       &Coordinator::ignore,     &Coordinator::on_ended,
     &Coordinator::on_ended,   &Coordinator::on_end_timeout},
    /* ended */
    {&Coordinator::ignore,     &Coordinator::ignore,       &Coordinator::ignore,     &Coordinator::ignore,
     &Coordinator::ignore,     &Coordinator::ignore,       &Coordinator::ignore,     &Coordinator::ignore,
     &Coordinator::ignore,     &Coordinator::ignore},
};
// clang-format on

Coordinator::Coordinator(Plan plan) : plan_(std::move(plan)) {}

std::vector<Action> Coordinator::begin(Instant now) {
    join_deadline_ = now + plan_.join_timeout;
    actions_.emplace_back(ArmTimer{std::min(now + plan_.reminder, join_deadline_)});
    return std::exchange(actions_, {});
}

std::optional<std::string> Coordinator::refusal(const AgentId& id) const {
    const auto known = agents_.find(id);
    const bool expected =
        std::find(plan_.expected.begin(), plan_.expected.end(), id) != plan_.expected.end();
    if (!expected) return fmt::format("node {} is not a member of run {}", id, plan_.run_id);
    if (known != agents_.end() && known->second.place == Place::gone) {
        return fmt::format("node {} has already left run {}", id, plan_.run_id);
    }
    if (known != agents_.end()) {
        return fmt::format("node {} takes part in run {} already", id, plan_.run_id);
    }
    if (phase_ == Phase::ended || (phase_ == Phase::ending && !await_all_)) {
        return fmt::format("run {} has ended: {}", plan_.run_id, verdict_.reason);
    }
    return std::nullopt;
}

std::vector<Action> Coordinator::handle(const Event& event, Instant now) {
    if (const auto* hello = std::get_if<Hello>(&event.what)) {
        if (refusal(event.agent)) return {};
        agents_[event.agent].card = hello->card;
        if (phase_ == Phase::ending) send(event.agent, Finish{verdict_});
        return std::exchange(actions_, {});
    }
    Agent nobody;
    Agent* agent = &nobody;
    if (!std::holds_alternative<TimeUp>(event.what)) {
        const auto found = agents_.find(event.agent);
        if (found == agents_.end() || found->second.place == Place::gone) return {};
        agent = &found->second;
    }
    const Handler handler = kTable[static_cast<std::size_t>(phase_)][event.what.index()];
    (this->*handler)(*agent, event, now);
    return std::exchange(actions_, {});
}

void Coordinator::ignore(Agent&, const Event&, Instant) {}

void Coordinator::on_ready(Agent& agent, const Event& event, Instant) {
    if (agent.place != Place::joined) return;
    agent.ready = std::get<Ready>(event.what);
    agent.place = Place::ready;
    form_if_complete();
}

void Coordinator::on_started(Agent&, const Event& event, Instant now) {
    if (std::get<Started>(event.what).round != round_) return;
    started_ += 1;
    if (started_ == 1) early_ends_.begin(now);
    if (started_ != group_size_) return;
    const std::string workers = count(static_cast<std::size_t>(world_size_), "worker");
    if (round_ == 0) return note(Note::Level::info, fmt::format("round 0: {} run", workers));
    const std::chrono::duration<double> pause = now - stopped_at_;
    note(Note::Level::warning,
         fmt::format("round {}: {} run again after {:.3f} s", round_, workers, pause.count()));
}

void Coordinator::on_failed(Agent& agent, const Event& event, Instant now) {
    const auto& failed = std::get<Failed>(event.what);
    if (failed.round != round_ || agent.place != Place::assigned) return;
    causes_.push_back(failed.failure);
    const std::string what = describe(failed.failure);
    const int code = shell_code(failed.failure);
    if (failed.failure.never_started) {
        return finish({Outcome::worker_failed, code, what + ": not tried again"}, now);
    }
    early_ends_.add(failed.failure, now);
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

void Coordinator::on_victim(Agent&, const Event& event, Instant) {
    const auto& failed = std::get<Failed>(event.what);
    if (failed.round == round_) victims_.push_back(failed.failure);
}

void Coordinator::on_succeeded(Agent& agent, const Event& event, Instant now) {
    if (std::get<Succeeded>(event.what).round != round_) return;
    unfinished_.erase(agent.card.id);
    if (unfinished_.empty()) finish({Outcome::succeeded, 0, "all workers succeeded"}, now);
}

void Coordinator::on_unable(Agent& agent, const Event& event, Instant now) {
    const std::string why = fmt::format("node {} cannot take part: {}", agent.card.id,
                                        std::get<Unable>(event.what).reason);
    await_all_ = round_ < 0;
    dismiss(agent, {Outcome::not_formed, 1, why}, now);
}

void Coordinator::on_leaving(Agent& agent, const Event& event, Instant now) {
    const int signal = std::get<Leaving>(event.what).signal;
    const std::string why =
        fmt::format("node {} was told to end by {}", agent.card.id, signal_name(signal));
    dismiss(agent, {Outcome::interrupted, kSignalled + signal, why}, now);
}

void Coordinator::on_lost(Agent& agent, const Event& event, Instant now) {
    const Verdict verdict = agent_lost(agent.card.id, std::get<Lost>(event.what).why);
    go_on_without(agent, verdict.reason, verdict, now);
}

void Coordinator::on_ended(Agent& agent, const Event&, Instant) {
    agent.place = Place::gone;
    end_if_all_ended();
}

void Coordinator::on_join_timeout(Agent&, const Event&, Instant now) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(plan_.join_timeout).count();
    const std::string names = join(missing(), ", ");
    if (now < join_deadline_) {
        note(Note::Level::warning,
             fmt::format("waiting for {}, for {} s in all (join_timeout)", names, seconds));
        actions_.emplace_back(ArmTimer{join_deadline_});
        return;
    }
    const std::string who =
        fmt::format("no word from {} within {} s (join_timeout)", names, seconds);
    if (ready_nodes() < plan_.min_nodes) return finish({Outcome::not_formed, 1, who}, now);
    note(Note::Level::warning, who + "; going on without");
    form();
}

void Coordinator::on_stop_timeout(Agent&, const Event&, Instant now) {
    std::vector<AgentId> late;
    for (auto& [id, agent] : agents_) {
        if (agent.place == Place::joined) late.push_back(id);
    }
    for (const AgentId& id : late) {
        const Verdict verdict = agent_lost(id, "its workers did not stop");
        send(id, Finish{verdict});
        go_on_without(agents_.at(id), verdict.reason, verdict, now);
        if (phase_ == Phase::ending) return;
    }
}

void Coordinator::on_end_timeout(Agent&, const Event&, Instant) {
    for (auto& [id, agent] : agents_) {
        if (agent.place == Place::gone) continue;
        note(Note::Level::warning, fmt::format("node {} did not confirm the end", id));
        agent.place = Place::gone;
    }
    await_all_ = false;
    end_if_all_ended();
}

/// An agent goes while it can still be told so.
void Coordinator::dismiss(Agent& agent, const Verdict& verdict, Instant now) {
    if (reachable_nodes() - 1 < plan_.min_nodes) return finish(verdict, now);
    send(agent.card.id, Finish{verdict});
    go_on_without(agent, verdict.reason, verdict, now);
}

/// An agent is no more. What remains is either enough, and the next round needs no permission from
/// the budget, or the job ends.
void Coordinator::go_on_without(Agent& agent, const std::string& what, const Verdict& otherwise,
                                Instant now) {
    const bool took_part = unfinished_.contains(agent.card.id);
    agent.place = Place::gone;
    if (phase_ == Phase::running && !took_part) return;
    if (reachable_nodes() < plan_.min_nodes) return finish(otherwise, now);
    if (phase_ == Phase::running) {
        return stop_round(what + "; going on with the other nodes, at no cost of a restart", now);
    }
    note(Note::Level::warning, what + "; going on with the other nodes");
    form_if_complete();
}

void Coordinator::form_if_complete() {
    if (phase_ == Phase::running) return;
    const bool all_ready = std::all_of(agents_.begin(), agents_.end(), [](const auto& each) {
        return each.second.place == Place::ready || each.second.place == Place::gone;
    });
    if (all_ready && (round_ >= 0 || missing().empty())) form();
}

void Coordinator::form() {
    std::vector<Candidate> candidates;
    for (const auto& [id, agent] : agents_) {
        if (agent.place == Place::ready) candidates.push_back({agent.card, agent.ready});
    }
    in_order(candidates);
    const auto most = static_cast<std::size_t>(plan_.max_nodes);
    if (candidates.size() > most) candidates.resize(most);
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
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        Assignment& next = assignments[i];
        next.round = round_;
        next.restart_count = restarts_;
        next.max_restarts = plan_.max_restarts;
        next.run_id = plan_.run_id;
        agents_.at(candidates[i].card.id).place = Place::assigned;
        unfinished_.insert(candidates[i].card.id);
        send(candidates[i].card.id, std::move(next));
    }
}

void Coordinator::stop_round(const std::string& reason, Instant now) {
    phase_ = Phase::stopping;
    stopped_at_ = now;
    note(Note::Level::warning, reason);
    for (auto& [id, agent] : agents_) {
        if (agent.place != Place::assigned) continue;
        agent.place = Place::joined;
        send(id, Stop{round_, reason});
    }
    actions_.emplace_back(ArmTimer{now + plan_.end_timeout});
    form_if_complete();
}

void Coordinator::finish(Verdict verdict, Instant now) {
    phase_ = Phase::ending;
    verdict_ = std::move(verdict);
    note(verdict_.exit_code == 0 ? Note::Level::info : Note::Level::warning, verdict_.reason);
    for (const auto& [id, agent] : agents_) {
        if (agent.place != Place::gone) send(id, Finish{verdict_});
    }
    actions_.emplace_back(ArmTimer{now + plan_.end_timeout});
    end_if_all_ended();
}

void Coordinator::end_if_all_ended() {
    const bool all = std::all_of(agents_.begin(), agents_.end(),
                                 [](const auto& each) { return each.second.place == Place::gone; });
    if (!all || phase_ != Phase::ending || (await_all_ && never_heard() > 0)) return;
    phase_ = Phase::ended;
    std::vector<WorkerFailure> failures = std::move(causes_);
    failures.insert(failures.end(), victims_.begin(), victims_.end());
    actions_.emplace_back(Done{verdict_, std::move(failures)});
}

std::vector<AgentId> Coordinator::missing() const {
    std::vector<AgentId> absent;
    for (const AgentId& id : plan_.expected) {
        const auto found = agents_.find(id);
        if (found == agents_.end() || found->second.place == Place::joined) absent.push_back(id);
    }
    return absent;
}

int Coordinator::ready_nodes() const {
    return static_cast<int>(std::count_if(agents_.begin(), agents_.end(), [](const auto& each) {
        return each.second.place == Place::ready;
    }));
}

std::ptrdiff_t Coordinator::never_heard() const {
    return std::count_if(plan_.expected.begin(), plan_.expected.end(),
                         [&](const AgentId& id) { return !agents_.contains(id); });
}

/// Those who are here and, before the first round, those who may still come.
int Coordinator::reachable_nodes() const {
    const auto here = std::count_if(agents_.begin(), agents_.end(), [](const auto& each) {
        return each.second.place != Place::gone;
    });
    return static_cast<int>(here + (round_ < 0 ? never_heard() : 0));
}

void Coordinator::send(const AgentId& agent, Down message) {
    actions_.emplace_back(Send{agent, std::move(message)});
}

void Coordinator::note(Note::Level level, std::string text) {
    actions_.emplace_back(Note{level, std::move(text)});
}

}  // namespace torchelastic::coordinator
