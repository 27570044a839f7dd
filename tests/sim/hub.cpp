// The coordinator of a simulated job, and what agent/hub does around it.
#include <utility>

#include <fmt/format.h>

#include "world.h"

namespace torchelastic::sim {

using namespace coordinator;

void World::greet(Node& node, const Up& message) {
    if (node.adopted) return hear(node, message);
    const auto* hello = std::get_if<Hello>(&message);
    if (hello == nullptr) return;
    if (const auto refusal = coordinator_->refusal(hello->card)) {
        trace("coordinator", "refuses: " + *refusal);
        node.refused = true;
        node.link->send(Down(Finish{{Outcome::refused, 1, *refusal}}));
        node.link->close(End::coordinator);
        return;
    }
    hear(node, message);
}

void World::hear(Node& node, Up message) {
    if (std::holds_alternative<Hello>(message)) {
        node.adopted = true;
        members_[node.card.id] = &node;
    }
    std::visit([&](auto& each) { decide({node.card.id, std::move(each)}); }, message);
}

void World::decide(Event event) {
    if (done_ || !host_runs()) return;
    auto actions = coordinator_->handle(event, clock_.now());
    watch_.decides(event, *coordinator_, actions);
    if (trace_ != nullptr) {
        const char* const kEvents[] = {"hello",     "unable",  "ready", "started", "failed",
                                       "succeeded", "leaving", "ended", "lost",    "time is up"};
        trace("coordinator", fmt::format("{} {}: {}", kEvents[event.what.index()], event.agent,
                                         coordinator_->state()));
    }
    moved_ = clock_.now();
    bool assigns = false;
    bool stops = false;
    bool finishes = false;
    for (Action& each : actions) {
        if (const auto* word = std::get_if<Send>(&each)) {
            assigns |= std::holds_alternative<Assignment>(word->message);
            stops |= std::holds_alternative<Stop>(word->message);
            finishes |= std::holds_alternative<Finish>(word->message);
        }
        perform(std::move(each));
    }
    if (assigns) {
        formed_ = clock_.now();
        reach(After::assignment);
    }
    if (stops) reach(After::stop);
    if (finishes && watch_.verdict()) reach(After::verdict);
}

void World::perform(Action action) {
    Node& own = *nodes_.front();
    if (auto* message = std::get_if<Send>(&action)) {
        send(message->agent, std::move(message->message));
    } else if (const auto* alarm = std::get_if<ArmTimer>(&action)) {
        alarm_ += 1;
        clock_.at(alarm->at, [this, &own, armed = alarm_] {
            act(own, [this, armed] {
                if (armed == alarm_) decide({"", TimeUp{}});
            });
        });
    } else if (const auto* note = std::get_if<Note>(&action)) {
        trace("coordinator", note->text);
    } else if (auto* done = std::get_if<Done>(&action)) {
        alarm_ += 1;
        done_ = std::move(*done);
        locally(own, Duration(0), [this] { end_host(); });
    }
}

void World::send(const AgentId& id, Down message) {
    const auto found = members_.find(id);
    if (found == members_.end()) throw Violation("a message for " + id + ", who never came");
    Node& node = *found->second;
    if (std::holds_alternative<Assignment>(message)) node.ready_at.reset();
    if (node.link) return node.link->send(std::move(message));
    locally(node, Duration(0), [this, &node, message = std::move(message)] {
        std::visit([&](const auto& each) { handle(node, each); }, message);
    });
}

void World::end_host() {
    Node& own = *nodes_.front();
    trace("coordinator", "done: " + done_->verdict.reason);
    const bool given_up = own.stuck_until != Instant{};
    if (own.living() > 0 && !given_up) {
        throw Violation("the coordinator's agent ends and its workers run");
    }
    kill_workers(own);
    own.state = Node::State::ended;
    for (const auto& node : nodes_) {
        if (node->link) node->link->close(End::coordinator);
    }
}

}  // namespace torchelastic::sim
