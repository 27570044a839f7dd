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
    if (!nodes_.front()->alive()) return;
    excused_ = std::max(excused_, clock_.now() + fault.lasts);
    if (fault.kind == Kind::come) return newcomer(fault.node);
    const bool host = fault.node == 0 && (fault.kind == Kind::crash || fault.kind == Kind::pause ||
                                          fault.kind == Kind::cut);
    if (host || fault.kind >= Kind::terminate_all || fault.kind == Kind::fail_all) {
        return befall_all(fault);
    }
    Node* node = node_at(fault.node);
    if (node != nullptr && node->alive()) befall_node(fault, *node);
}

void World::befall_node(const Fault& fault, Node& node) {
    using Kind = Fault::Kind;
    trace(node.card.id, fmt::format("-- {} ({:.3f} s)", name(fault.kind),
                                    std::chrono::duration<double>(fault.lasts).count()));
    if (fault.kind != Kind::fail && fault.kind != Kind::succeed) node.harmed = true;
    if (fault.kind == Kind::crash) {
        node.state = Node::State::dead;
        kill_workers(node);
        node.link->close(End::agent);
    } else if (fault.kind == Kind::pause) {
        pause(node, fault.lasts);
    } else if (fault.kind == Kind::cut) {
        cut(node, fault.lasts);
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
        node.stuck_until = clock_.now() + fault.lasts;
    } else if (fault.kind == Kind::never_start) {
        node.cannot_start = true;
    } else if (fault.kind == Kind::no_port) {
        node.has_no_port = true;
    }
}

void World::befall_all(const Fault& fault) {
    using Kind = Fault::Kind;
    trace("all", "-- " + name(fault.kind));
    Node& host = *nodes_.front();
    const bool crash = fault.kind == Kind::crash_host || fault.kind == Kind::crash;
    const bool hang = fault.kind == Kind::pause_host || fault.kind == Kind::pause;
    if (crash) {
        host.state = Node::State::dead;
        kill_workers(host);
    }
    for (const auto& each : nodes_) {
        Node& node = *each;
        if (fault.kind == Kind::fail_all && node.alive()) {
            locally(node, random_.time(0ms, 20ms), [this, &node] { fail_one(node); });
        } else if (fault.kind == Kind::terminate_all && node.alive()) {
            node.harmed = true;
            locally(node, random_.time(0ms, 5ms),
                    [this, &node] { handle(node, agent::Signalled{SIGTERM}); });
        }
        if (!node.link) continue;
        if (crash || hang) node.cut_off = true;
        if (crash) node.link->close(End::coordinator);
        if (fault.kind == Kind::cut_all || fault.kind == Kind::cut) cut(node, fault.lasts);
    }
    if (hang) pause(host, fault.lasts);
}

void World::pause(Node& node, Duration lasts) {
    if (node.state != Node::State::runs) return;
    node.state = Node::State::paused;
    node.cut_off = true;
    if (node.link) node.link->pause(End::agent, true);
    for (const auto& each : nodes_) {
        if (!node.link && each->link) each->link->pause(End::coordinator, true);
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
    for (const auto& each : nodes_) {
        if (!each->link) continue;
        if (!node.link) each->link->pause(End::coordinator, false);
        if (each.get() == &node) node.link->pause(End::agent, false);
    }
    if (!missed_first) catch_up();
}

void World::cut(Node& node, Duration lasts) {
    if (!node.link || node.link->cut()) return;
    node.cut_off = true;
    node.harmed = true;
    node.link->cut(true);
    clock_.in(lasts, [this, &node] {
        trace(node.card.id, "-- heals");
        node.link->cut(false);
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
