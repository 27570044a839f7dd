// What befalls simulated nodes.
#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "world.h"

namespace torchelastic::sim {

using namespace std::chrono_literals;
using namespace coordinator;

void World::reach(After moment) {
    const int nth = reached_[moment]++;
    for (const Fault& fault : scenario_.faults) {
        if (fault.after != moment || fault.nth != nth) continue;
        clock_.in(fault.delay, [this, fault] { befall(fault); });
    }
}

void World::befall(const Fault& fault) {
    using Kind = Fault::Kind;
    excused_ = std::max(excused_, clock_.now() + fault.lasts);
    if (fault.kind == Kind::come) return newcomer(fault.node);
    const bool all = fault.kind == Kind::fail_all || fault.kind == Kind::terminate_all ||
                     fault.kind == Kind::split;
    if (all) return befall_all(fault);
    const bool of_leader = fault.kind == Kind::crash_leader || fault.kind == Kind::pause_leader ||
                           fault.kind == Kind::cut_leader;
    Node* node = of_leader ? leader() : node_at(fault.node);
    if (node != nullptr && node->alive()) befall_node(fault, *node);
}

void World::befall_node(const Fault& fault, Node& node) {
    using Kind = Fault::Kind;
    trace(node.card.id, fmt::format("-- {} ({:.3f} s)", name(fault.kind),
                                    std::chrono::duration<double>(fault.lasts).count()));
    if (fault.kind != Kind::fail && fault.kind != Kind::succeed) node.harmed = true;
    if (fault.kind == Kind::crash || fault.kind == Kind::crash_leader) {
        crash(node);
    } else if (fault.kind == Kind::pause || fault.kind == Kind::pause_leader) {
        pause(node, fault.lasts);
    } else if (fault.kind == Kind::cut || fault.kind == Kind::cut_leader) {
        part({&node}, fault.lasts);
    } else if (fault.kind == Kind::terminate) {
        act(node, [this, &node] { handle(node, agent::Signalled{SIGTERM}); });
    } else if (fault.kind == Kind::fail) {
        fail_one(node);
    } else if (fault.kind == Kind::succeed) {
        for (std::size_t i = 0; i < node.workers.size(); ++i)
            end_worker(node, static_cast<int>(i), 0, 0);
    } else if (fault.kind == Kind::be_deaf) {
        node.deaf_until = clock_.now() + fault.lasts;
    } else if (fault.kind == Kind::be_stuck) {
        node.stuck_until = std::max(node.stuck_until, clock_.now() + fault.lasts);
    } else if (fault.kind == Kind::never_start) {
        node.cannot_start = true;
    } else if (fault.kind == Kind::no_port) {
        node.has_no_port = true;
    }
}

void World::befall_all(const Fault& fault) {
    using Kind = Fault::Kind;
    trace("all", "-- " + name(fault.kind));
    std::vector<Node*> some;
    for (const auto& each : nodes_) {
        Node& node = *each;
        if (!node.alive()) continue;
        if (fault.kind == Kind::fail_all) {
            locally(node, random_.time(0ms, 20ms), [this, &node] { fail_one(node); });
        } else if (fault.kind == Kind::terminate_all) {
            node.harmed = true;
            locally(node, random_.time(0ms, 5ms),
                    [this, &node] { handle(node, agent::Signalled{SIGTERM}); });
        } else if (random_.chance(50)) {
            some.push_back(&node);
        }
    }
    if (fault.kind == Kind::split) part(some, fault.lasts);
}

/// The agent dies, and its keeper ends what it leaves behind.
void World::crash(Node& node) {
    losses_ += 1;
    node.state = Node::State::dead;
    kill_workers(node);
    close_lines(node);
}

void World::pause(Node& node, Duration lasts) {
    if (node.state != Node::State::runs) return;
    losses_ += 1;
    node.state = Node::State::paused;
    node.cut_off = true;
    for (const auto& line : lines_) {
        if (&line->caller == &node) line->link.pause(End::agent, true);
        if (&line->callee == &node) line->link.pause(End::coordinator, true);
    }
    clock_.in(lasts, [this, &node] { resume(node); });
}

void World::resume(Node& node) {
    if (node.state != Node::State::paused) return;
    trace(node.card.id, "-- resumes");
    node.state = Node::State::runs;
    const bool missed_first = random_.chance(50);
    const auto catch_up = [&] {
        for (const auto& each : std::exchange(node.missed, {}))
            act(node, each);
    };
    if (missed_first) catch_up();
    for (std::size_t i = 0; i < lines_.size(); ++i) {  // more may come to be meanwhile
        Line& line = *lines_[i];
        if (&line.caller == &node) line.link.pause(End::agent, false);
        if (&line.callee == &node) line.link.pause(End::coordinator, false);
    }
    if (!missed_first) catch_up();
}

/// Nothing passes between these nodes and the others, for a while.
void World::part(const std::vector<Node*>& nodes, Duration lasts) {
    losses_ += 1;
    islands_ += 1;
    for (Node* node : nodes) {
        if (node->island != 0) continue;
        node->island = islands_;
        node->cut_off = true;
        node->harmed = true;
    }
    const auto redraw = [this] {
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            Line& line = *lines_[i];
            const bool cut = !reaches(line.caller, line.callee);
            if (cut != line.link.cut()) line.link.cut(cut);
        }
    };
    redraw();
    clock_.in(lasts, [this, redraw, island = islands_] {
        trace("all", "-- heals");
        for (const auto& each : nodes_) {
            if (each->island == island) each->island = 0;
        }
        redraw();
    });
}

/// A new agent: of a new node where any may come, else of one that was there before.
void World::newcomer(int number) {
    Card card = card_of(number);
    switch (scenario_.plan.membership) {
        case Membership::known:
            break;
        case Membership::ranked:
            card.id = fmt::format("n{}/{}", number, nodes_.size());
            break;
        case Membership::open:
            number = static_cast<int>(nodes_.size() + scenario_.workers.size());
            card = card_of(number);
            break;
    }
    come(number, std::move(card));
}

}  // namespace torchelastic::sim
