// The coordinators of a simulated job, and what agent/hub does around each.
#include <utility>

#include <fmt/format.h>

#include "world.h"

namespace torchelastic::sim {

using namespace coordinator;

/// What an agent says to one that coordinates.
void World::adopt(Line& line, Up message) {
    Node& node = line.caller;
    Node& leads = line.callee;
    if (!line.adopted) {
        const auto* hello = std::get_if<Hello>(&message);
        const auto* report = std::get_if<Report>(&message);
        if (hello == nullptr && report == nullptr) return;
        const Card& card = hello != nullptr ? hello->card : report->card;
        if (const auto refusal = leads.desk->coordinator.refusal(card)) {
            trace(leads.card.id, "refuses: " + *refusal);
            node.refused = true;
            line.link.send(Down(Finish{{Outcome::refused, 1, *refusal}}));
            return line.link.close(End::coordinator);
        }
        line.adopted = true;
        node.adopted = true;
        if (node.line == &line) node.leader = &leads;  // else it has given that one up
        leads.desk->members[node.card.id] = &line;
    }
    std::visit([&](auto& each) { decide(leads, {node.card.id, std::move(each)}); }, message);
}

void World::decide(Node& node, Event event) {
    Desk& desk = *node.desk;
    if (desk.done || node.state != Node::State::runs) return;
    if (!event.agent.empty()) desk.members.try_emplace(event.agent, nullptr);
    auto actions = desk.coordinator.handle(event, clock_.now());
    desk.watch.decides(event, desk.coordinator, actions);
    if (trace_ != nullptr) {
        const char* const kEvents[] = {"hello",  "unable",    "ready",     "started",
                                       "failed", "succeeded", "leaving",   "ended",
                                       "report", "lost",      "time is up"};
        trace(node.card.id + " leads", fmt::format("{} {}: {}", kEvents[event.what.index()],
                                                   event.agent, desk.coordinator.state()));
    }
    moved_ = clock_.now();
    bool assigns = false;
    bool stops = false;
    bool finishes = false;
    for (coordinator::Action& each : actions) {
        if (const auto* word = std::get_if<Send>(&each)) {
            assigns |= std::holds_alternative<Assignment>(word->message);
            stops |= std::holds_alternative<Stop>(word->message);
            finishes |= std::holds_alternative<Finish>(word->message);
        }
        perform(node, std::move(each));
    }
    if (assigns) {
        desk.formed = clock_.now();
        reach(After::assignment);
    }
    if (stops) reach(After::stop);
    if (finishes && desk.watch.verdict()) reach(After::verdict);
}

void World::perform(Node& node, coordinator::Action action) {
    Desk& desk = *node.desk;
    if (auto* message = std::get_if<Send>(&action)) {
        send(node, message->agent, std::move(message->message));
    } else if (const auto* alarm = std::get_if<ArmTimer>(&action)) {
        desk.alarm += 1;
        clock_.at(alarm->at, [this, &node, armed = desk.alarm] {
            act(node, [this, &node, armed] {
                if (armed == node.desk->alarm) decide(node, {"", TimeUp{}});
            });
        });
    } else if (const auto* note = std::get_if<Note>(&action)) {
        trace(node.card.id + " leads", note->text);
    } else if (auto* done = std::get_if<Done>(&action)) {
        desk.alarm += 1;
        desk.done = std::move(*done);
        locally(node, Duration(0), [this, &node] { end_desk(node); });
    }
}

void World::send(Node& node, const AgentId& id, Down message) {
    const auto found = node.desk->members.find(id);
    if (found == node.desk->members.end()) {
        throw Violation("a message for " + id + ", who never came");
    }
    Line* const line = found->second;
    Node& to = line == nullptr ? node : line->caller;
    if (std::holds_alternative<Assignment>(message)) to.ready_at.reset();
    if (const auto* finish = std::get_if<Finish>(&message)) {
        to.told.push_back(finish->verdict);
        to.dismissed |= node.desk->watch.dismissed(id);
    }
    if (line != nullptr) return line->link.send(std::move(message));
    locally(node, Duration(0),
            [this, &node, message = std::move(message)] { hear(node, message); });
}

void World::end_desk(Node& node) {
    trace(node.card.id + " leads", "done: " + node.desk->done->verdict.reason);
    const bool given_up = node.stuck_until != Instant{};
    if (node.living() > 0 && !given_up) {
        throw Violation("the coordinator's agent ends and its workers run");
    }
    end(node);
}

}  // namespace torchelastic::sim
