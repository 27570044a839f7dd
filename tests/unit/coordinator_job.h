// A job played event by event in virtual time, for the coordinator's tests.
#pragma once

#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/coordinator.h"

namespace torchelastic::coordinator {

/// A job of nodes n1, n2, ... whose coordinator's actions are kept for inspection.
struct Job {
    explicit Job(Plan with, std::vector<int> workers = {})
        : plan(complete(std::move(with), workers)), sizes(std::move(workers)), coordinator(plan) {
        take(coordinator.begin(now));
    }

    /// Where another coordinator took over. Nodes that report are of its round.
    Job(Plan with, std::vector<int> workers, const Inheritance& inheritance)
        : plan(complete(std::move(with), workers)),
          sizes(std::move(workers)),
          inherited(inheritance.last),
          coordinator(plan, inheritance) {
        take(coordinator.begin(now));
    }

    static Plan complete(Plan plan, const std::vector<int>& workers) {
        plan.run_id = "7.0.0";
        if (plan.membership != Membership::known) return plan;
        for (std::size_t i = 0; i < workers.size(); ++i) {
            plan.expected.push_back("n" + std::to_string(i + 1));
        }
        return plan;
    }

    void take(std::vector<Action> actions) {
        for (Action& each : actions) {
            if (auto* send = std::get_if<Send>(&each)) sent.push_back(std::move(*send));
            if (auto* arm = std::get_if<ArmTimer>(&each)) alarm = arm->at;
            if (auto* done = std::get_if<Done>(&each)) ended = std::move(*done);
            if (auto* note = std::get_if<Note>(&each)) notes.push_back(note->text);
            if (auto* ask = std::get_if<AskDeadline>(&each)) deadlines_asked.push_back(ask->signal);
        }
    }
    template <class T>
    void event(int node, T what) {
        take(coordinator.handle({"n" + std::to_string(node), std::move(what)}, now));
    }
    void time_up() {
        now = alarm;
        take(coordinator.handle({"", TimeUp{}}, now));
    }
    void deadline(int signal, std::int64_t at_s) {
        take(coordinator.handle({"", DeadlineKnown{signal, at_s}}, now));
    }
    Card card(int node) const {
        const std::string id = "n" + std::to_string(node);
        Card card{.id = id, .address = "10.0.0." + std::to_string(node), .order = node};
        card.workers = sizes.at(static_cast<std::size_t>(node - 1));
        card.port = 29400;
        return card;
    }
    void hello(int node) { event(node, Hello{card(node)}); }
    void report(int node, int group_rank) {
        event(node, Report{card(node), inherited, group_rank});
    }
    void ready(int node) { event(node, Ready{static_cast<std::uint16_t>(1000 + node), true}); }
    void everyone(void (Job::*act)(int)) {
        for (int node = 1; node <= static_cast<int>(sizes.size()); ++node)
            (this->*act)(node);
    }
    void run() {
        everyone(&Job::hello);
        everyone(&Job::ready);
    }
    void fail(int node, int code = 37) {
        WorkerFailure failure{.agent = "n" + std::to_string(node), .exit_code = code};
        event(node, Failed{coordinator.round(), failure});
    }
    void kill(int node) {
        WorkerFailure failure{.agent = "n" + std::to_string(node), .signal = SIGKILL};
        event(node, Failed{coordinator.round(), failure});
    }
    void succeed(int node) { event(node, Succeeded{coordinator.round()}); }
    void leave(int node) { event(node, Leaving{SIGTERM}); }
    /// And no other node does.
    void leave_alone(int node) {
        leave(node);
        time_up();
    }
    void end(int node) { event(node, Ended{}); }
    void lose(int node) { event(node, Lost{"connection reset by peer"}); }

    /// The messages of type T sent since the last call, by receiver.
    template <class T>
    std::map<AgentId, T> told() {
        std::map<AgentId, T> found;
        for (const Send& each : sent) {
            if (const auto* message = std::get_if<T>(&each.message)) {
                found.emplace(each.agent, *message);
            }
        }
        sent.clear();
        return found;
    }

    Plan plan;
    std::vector<int> sizes;
    LastRound inherited;
    Coordinator coordinator;
    Instant now{};
    Instant alarm{};
    std::vector<Send> sent;
    std::vector<std::string> notes;
    std::vector<int> deadlines_asked;
    std::optional<Done> ended;
};

inline Job four_nodes(int max_restarts = 0) {
    return Job({.min_nodes = 4, .max_nodes = 4, .max_restarts = max_restarts}, {2, 2, 4, 4});
}

}  // namespace torchelastic::coordinator
