// The workers of simulated nodes: what process/ and agent/workers do, in words only.
#include <csignal>
#include <utility>

#include "world.h"

namespace torchelastic::sim {

using namespace std::chrono_literals;
using namespace coordinator;

void World::start_workers(Node& node, const Assignment& assignment) {
    node.assignment = assignment;
    node.epoch = node.leader->desk->coordinator.epoch();
    node.workers.assign(static_cast<std::size_t>(node.card.workers), {});
    node.generation += 1;
    node.stopping = false;
    if (std::exchange(node.cannot_start, false)) {
        WorkerFailure failure{.agent = node.card.id, .never_started = true, .message = "exec"};
        return handle(node, agent::WorkerEnded{0, std::move(failure)});
    }
    const Node& leader = *node.leader;
    ranks_.starts(node.index, node.epoch, assignment, node.card.workers, [&](int index) {
        return belongs(*nodes_[static_cast<std::size_t>(index)], leader);
    });
    agent::WorkersStarted started;
    for (int i = 0; i < node.card.workers; ++i) {
        node.workers[static_cast<std::size_t>(i)] = {assignment.first_rank + i, true};
        started.pids.push_back(1000 + i);
    }
    const int failing =
        random_.chance(scenario_.failing) ? random_.number(0, node.card.workers - 1) : -1;
    for (int i = 0; i < node.card.workers; ++i) {
        Duration runs = scenario_.work + random_.time(0s, scenario_.work / 4 + 100ms);
        if (i == failing) runs = random_.time(0s, runs);
        end_later(node, i, runs, i == failing ? 1 : 0, 0);
    }
    handle(node, started);
}

void World::end_later(Node& node, int local_rank, Duration delay, int code, int signal) {
    clock_.in(delay, [this, &node, local_rank, code, signal, generation = node.generation] {
        if (generation == node.generation) end_worker(node, local_rank, code, signal);
    });
}

void World::end_worker(Node& node, int local_rank, int code, int signal) {
    Node::Worker& worker = node.workers.at(static_cast<std::size_t>(local_rank));
    if (!worker.lives) return;
    worker.lives = false;
    moved_ = clock_.now();
    ranks_.ends(node.epoch, node.assignment.round, worker.rank);
    agent::WorkerEnded ended{local_rank, std::nullopt};
    if (code != 0 || signal != 0) {
        ended.failure = WorkerFailure{.agent = node.card.id, .local_rank = local_rank};
        ended.failure->rank = worker.rank;
        ended.failure->exit_code = code;
        ended.failure->signal = signal;
    }
    act(node, [this, &node, ended = std::move(ended)] { handle(node, ended); });
}

/// Ends them as process/group would, and says so once: a second order replaces the first.
void World::stop_workers(Node& node, int signal) {
    node.generation += 1;
    node.stopping = true;
    const bool deaf = clock_.now() < node.deaf_until && signal != SIGKILL;
    Duration last{};
    for (std::size_t i = 0; i < node.workers.size(); ++i) {
        if (!node.workers[i].lives) continue;
        Duration runs = deaf ? scenario_.grace : random_.time(0ms, signal == SIGKILL ? 1ms : 40ms);
        runs = std::max(runs, node.stuck_until - clock_.now());
        last = std::max(last, runs);
        // Some programs end well when they are told to.
        const bool well = !deaf && signal == SIGTERM && random_.chance(20);
        end_later(node, static_cast<int>(i), runs, 0, well ? 0 : deaf ? SIGKILL : signal);
    }
    locally(node, last + random_.time(0us, 500us), [this, &node, generation = node.generation] {
        if (generation != node.generation || !node.stopping) return;
        node.stopping = false;
        handle(node, agent::AllStopped{});
    });
}

void World::kill_workers(Node& node) {
    node.generation += 1;
    for (Node::Worker& worker : node.workers) {
        if (std::exchange(worker.lives, false))
            ranks_.ends(node.epoch, node.assignment.round, worker.rank);
    }
}

bool World::fail_one(Node& node) {
    if (node.living() == 0) return false;
    auto local_rank = static_cast<std::size_t>(random_.number(0, node.card.workers - 1));
    while (!node.workers[local_rank].lives)
        local_rank = (local_rank + 1) % node.workers.size();
    end_worker(node, static_cast<int>(local_rank), 1, 0);
    return true;
}

}  // namespace torchelastic::sim
