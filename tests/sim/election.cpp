// How simulated agents find another coordinator.
#include <utility>

#include <fmt/format.h>

#include "world.h"

namespace torchelastic::sim {

using namespace std::chrono_literals;
using namespace coordinator;

namespace {

constexpr Duration kDialLimit = 2s;

}  // namespace

/// How long others may take to notice what one has noticed: their keep-alive, and a dial in vain.
Duration World::patience() const {
    return scenario_.network.limit() + scenario_.network.interval + 2 * kDialLimit +
           4 * scenario_.network.most;
}

void World::perform(Node& node, const Succession::Actions& actions) {
    for (const Succession::Action& action : actions) {
        if (const auto* call = std::get_if<Dial>(&action)) {
            dial(node, call->successor);
        } else if (const auto* word = std::get_if<SendReport>(&action)) {
            if (node.line != nullptr) node.line->link.send(Up(word->report));
        } else if (const auto* answer = std::get_if<SendDefer>(&action)) {
            for (const auto& line : lines_) {
                const bool asked = &line->callee == &node && line->caller.line == line.get();
                if (asked && line->caller.card.id == answer->agent) {
                    line->link.send(Down(answer->message));
                }
            }
        } else if (const auto* order = std::get_if<TakeOver>(&action)) {
            take_over(node, *order);
        } else if (const auto* end = std::get_if<GiveUp>(&action)) {
            give_up(node, *end);
        } else {
            const auto& at = std::get<WaitUntil>(action).at;
            node.alarm += 1;
            if (!at) continue;
            clock_.at(*at, [this, &node, armed = node.alarm] {
                act(node, [this, &node, armed] {
                    if (armed != node.alarm) return;
                    perform(node, node.succession.time_up(clock_.now()));
                });
            });
        }
    }
}

/// Nobody listens where no agent is; one that is cut off or suspended does not answer in time.
void World::dial(Node& node, const Successor& successor) {
    Node* found = nullptr;
    for (const auto& each : nodes_) {
        if (each->card.id == successor.id && (each->adopted || each->desk)) found = each.get();
    }
    trace(node.card.id, "asks " + successor.id);
    const bool answers = reaches(node, *found) && found->state != Node::State::paused;
    const Duration takes =
        answers ? 2 * random_.time(scenario_.network.least, scenario_.network.most) : kDialLimit;
    node.dialled += 1;
    locally(node, takes, [this, &node, found, answers, attempt = node.dialled] {
        if (attempt != node.dialled || node.succession.state() != "asking") return;
        if (answers && found->state == Node::State::runs && reaches(node, *found)) {
            connect(node, *found);
            return perform(node, node.succession.reached(clock_.now()));
        }
        perform(node, node.succession.missed("no answer", clock_.now()));
    });
}

void World::take_over(Node& node, const TakeOver& order) {
    Plan plan = scenario_.plan;
    plan.coordinator = node.card.id;
    plan.regather = patience();
    trace(node.card.id, fmt::format("takes over: epoch {}, {} came", order.inheritance.epoch,
                                    order.reports.size()));
    node.desk.emplace(plan, Coordinator(plan, order.inheritance), Watch(plan, order.inheritance));
    node.desk->began = clock_.now();
    leaders_.push_back(&node);
    for (coordinator::Action& each : node.desk->coordinator.begin(clock_.now()))
        perform(node, std::move(each));
    node.leader = &node;
    node.orphaned.reset();
    for (const Report& report : order.reports) {
        if (report.card.id == node.card.id) {
            decide(node, {node.card.id, report});
            handle(node, agent::NewCoordinator{});
            continue;
        }
        for (const auto& line : lines_) {
            const bool asked = &line->callee == &node && line->caller.line == line.get();
            if (asked && line->caller.card.id == report.card.id) adopt(*line, report);
        }
    }
}

/// Those who have come to one that stood are told: nobody else will come. Others ask the next.
void World::give_up(Node& node, const GiveUp& order) {
    trace(node.card.id, "gives up: " + order.why);
    check_surrender(node);
    if (!order.stood) return handle(node, agent::NoCoordinator{order.why});
    const Verdict verdict{Outcome::coordinator_lost, 1, "lost the coordinator: " + order.why};
    for (const auto& line : lines_) {
        const bool asked = &line->callee == &node && line->caller.line == line.get();
        if (!asked || !line->link.open(End::coordinator)) continue;
        line->caller.told.push_back(verdict);
        line->link.send(Down(Finish{verdict}));
    }
    handle(node, agent::NoCoordinator{order.why});
}

}  // namespace torchelastic::sim
