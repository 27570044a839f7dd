// Invariants of a job.
#include "watch.h"

#include <fmt/format.h>

namespace torchelastic::sim {

namespace {

using namespace coordinator;

template <class... Words>
void require(bool holds, fmt::format_string<const Words&...> text, const Words&... words) {
    if (!holds) throw Violation(fmt::format(text, words...));
}

}  // namespace

void Watch::decides(const Event& event, const Coordinator& coordinator,
                    const std::vector<Action>& actions) {
    if (const auto* hello = std::get_if<Hello>(&event.what)) cards_[event.agent] = hello->card;
    if (const auto* report = std::get_if<Report>(&event.what)) cards_[event.agent] = report->card;
    if (const auto* ready = std::get_if<Ready>(&event.what)) ports_[event.agent] = *ready;
    const int spent = coordinator.restart_count() - restarts_;
    const bool failed = std::holds_alternative<Failed>(event.what);
    require(spent == 0 || (spent == 1 && failed), "{} restarts were spent for event {}", spent,
            event.what.index());
    restarts_ = coordinator.restart_count();
    require(restarts_ <= plan_.max_restarts, "restart {} of {}", restarts_, plan_.max_restarts);

    const bool ending = coordinator.state() == "ending" || coordinator.state() == "ended";
    std::vector<Given> assignments;
    for (const Action& action : actions) {
        const auto* send = std::get_if<Send>(&action);
        if (send == nullptr) continue;
        if (const auto* assignment = std::get_if<Assignment>(&send->message)) {
            const Card& card = cards_.at(send->agent);
            require(card.order >= 0 && !told_.contains(send->agent),
                    "{} is assigned and was told to end", send->agent);
            assignments.push_back({send->agent, *assignment});
        }
        const auto* finish = std::get_if<Finish>(&send->message);
        if (finish == nullptr) continue;
        require(!told_.contains(send->agent), "{} is told twice to end", send->agent);
        told_[send->agent] = finish->verdict;
        if (!ending) {
            dismissed_.insert(send->agent);
            continue;
        }
        // One that is dismissed with the very word that ends the job has the same verdict.
        require(!verdict_ || *verdict_ == finish->verdict, "a second verdict: {}",
                finish->verdict.reason);
        verdict_ = finish->verdict;
    }
    if (!assignments.empty()) check_round(assignments, coordinator);
    require(assignments.empty() == (coordinator.round() == round_), "round {} has no assignments",
            coordinator.round());
    round_ = coordinator.round();
}

void Watch::check_round(const std::vector<Given>& assignments, const Coordinator& coordinator) {
    const auto size = static_cast<int>(assignments.size());
    require(coordinator.round() == round_ + 1, "round {} after round {}", coordinator.round(),
            round_);
    require(size >= plan_.min_nodes && size <= plan_.max_nodes,
            "a round of {} nodes in a job of {}:{}", size, plan_.min_nodes, plan_.max_nodes);
    group_size_ = assignments.size();
    int group = 0;
    int next = 0;
    std::map<std::string, int> roles;
    const AgentId& first = assignments.front().id;
    for (const auto& [id, each] : assignments) {
        const Card& card = cards_.at(id);
        require(
            each.round == coordinator.round() && each.restart_count == coordinator.restart_count(),
            "{} is told round {}, restart {}", id, each.round, each.restart_count);
        require(each.group_rank == group && each.group_world_size == size,
                "group rank {} of {} for the node {} of {}", each.group_rank, each.group_world_size,
                group, size);
        require(each.first_rank == next, "{} begins at rank {} instead of {}", id, each.first_rank,
                next);
        require(each.first_role_rank == roles[card.role], "{} begins at role rank {}", id,
                each.first_role_rank);
        require(each.master_address == cards_.at(first).address &&
                    each.master_port == ports_.at(first).store_port,
                "{} is sent to a store that is not group rank 0's", id);
        group += 1;
        next += card.workers;
        roles[card.role] += card.workers;
    }
    for (const auto& [id, each] : assignments) {
        require(each.world_size == next, "world size {} of {}", each.world_size, next);
        require(each.role_world_size == roles[cards_.at(id).role], "role world size {} for {}",
                each.role_world_size, id);
    }
}

void Ranks::starts(int agent, int epoch, const Assignment& assignment, int workers,
                   const std::function<bool(int agent)>& belongs) {
    const Round round{epoch, assignment.round};
    for (const auto& [other, ranks] : live_) {
        if (other >= round) break;  // a lost agent may read old orders late
        for (const auto& [rank, where] : ranks) {
            require(where != agent && !belongs(where),
                    "agent {} starts round {} while rank {} of round {} runs on {}", agent,
                    assignment.round, rank, other.second, where);
        }
    }
    for (int i = 0; i < workers; ++i) {
        const int rank = assignment.first_rank + i;
        require(rank < assignment.world_size, "rank {} in a world of {}", rank,
                assignment.world_size);
        const auto [held, fresh] = live_[round].emplace(rank, agent);
        require(fresh, "rank {} of round {} runs on {} and {}", rank, assignment.round,
                held->second, agent);
    }
}

void Ranks::ends(int epoch, int round, int rank) {
    const auto ranks = live_.find({epoch, round});
    require(ranks != live_.end() && ranks->second.erase(rank) == 1,
            "rank {} of round {} ends and did not run", rank, round);
    if (ranks->second.empty()) live_.erase(ranks);
}

std::size_t Ranks::live() const {
    std::size_t count = 0;
    for (const auto& [round, ranks] : live_)
        count += ranks.size();
    return count;
}

std::set<int> Ranks::epochs() const {
    std::set<int> all;
    for (const auto& [round, ranks] : live_)
        all.insert(round.first);
    return all;
}

}  // namespace torchelastic::sim
