// Connections of a simulated job, and what comes to an agent's door.
#include <utility>

#include "world.h"

namespace torchelastic::sim {

using namespace coordinator;

void World::connect(Node& caller, Node& callee) {
    auto made = std::make_shared<Line*>(nullptr);
    lines_.push_back(std::make_unique<Line>(
        caller, callee, clock_, random_, scenario_.network,
        Receiver<Up>{.message = [this, made](Up message) { arrive(**made, std::move(message)); },
                     .closed = [this, made](const std::string& why,
                                            bool died) { lose_caller(**made, why, died); }},
        Receiver<Down>{.message =
                           [this, made](const Down& message) {
                               if ((*made)->caller.line == *made) hear((*made)->caller, message);
                           },
                       .closed = [this, made](const std::string& why,
                                              bool died) { lose_callee(**made, why, died); }}));
    Line& line = *lines_.back();
    *made = &line;
    caller.line = &line;
    if (!reaches(caller, callee)) line.link.cut(true);
    if (caller.state == Node::State::paused) line.link.pause(End::agent, true);
    if (callee.state == Node::State::paused) line.link.pause(End::coordinator, true);
}

void World::arrive(Line& line, Up message) {
    Node& callee = line.callee;
    if (callee.desk) return adopt(line, std::move(message));
    const auto* report = std::get_if<Report>(&message);
    if (report != nullptr) perform(callee, callee.succession.report(*report, clock_.now()));
}

void World::lose_caller(Line& line, const std::string& why, bool died) {
    if (line.adopted) return decide(line.callee, {line.caller.card.id, Lost{why, died}});
    line.callee.succession.withdrawn(line.caller.card.id);
}

void World::lose_callee(Line& line, const std::string& why, bool died) {
    Node& caller = line.caller;
    if (caller.line != &line || caller.state != Node::State::runs) return;
    caller.line = nullptr;
    caller.lost_link = true;
    if (caller.succession.state() != "following") {
        return perform(caller, caller.succession.missed(why, clock_.now()));
    }
    caller.orphaned = clock_.now();
    handle(caller, agent::LinkLost{why});
    if (caller.life.seeks_coordinator()) {
        perform(caller, caller.succession.lost(why, died, clock_.now()));
    }
}

/// Its process is no more.
void World::close_lines(Node& node) {
    for (const auto& line : lines_) {
        if (&line->caller == &node) line->link.close(End::agent);
        if (&line->callee == &node) line->link.close(End::coordinator);
    }
}

}  // namespace torchelastic::sim
