// Agents of a simulated job.
#include "world.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include <fmt/format.h>

namespace torchelastic::sim {

using namespace std::chrono_literals;
using namespace coordinator;

World::World(Scenario scenario, std::ostream* trace)
    : scenario_(std::move(scenario)), trace_(trace), random_(scenario_.seed) {
    if (scenario_.plan.membership != Membership::known) return;
    for (std::size_t i = 0; i < scenario_.workers.size(); ++i)
        scenario_.plan.expected.push_back(fmt::format("n{}", i));
}

Card World::card_of(int number) const {
    const auto index = static_cast<std::size_t>(number);
    const bool known = index < scenario_.workers.size();
    Card card;
    card.id = fmt::format("n{}", number);
    card.address = fmt::format("10.0.{}.{}", number / 256, number % 256);
    card.port = 29400;
    card.order = scenario_.plan.membership == Membership::open ? 0 : number;
    card.workers = known ? scenario_.workers[index] : scenario_.workers.front();
    if (known && !scenario_.roles.empty()) card.role = scenario_.roles[index];
    return card;
}

Played World::play() {
    Played report;
    try {
        begin();
        while (!over_ && clock_.step())
            report.steps += 1;
        check_end();
    } catch (const Violation& violation) {
        report.violation = violation.what();
        trace("VIOLATION", violation.what());
    }
    const Desk& last = *latest()->desk;
    if (last.done) report.verdict = last.done->verdict;
    report.coordinators = static_cast<int>(leaders_.size());
    report.rounds = last.coordinator.round() + 1;
    report.restarts = last.coordinator.restart_count();
    report.seconds = std::chrono::duration<double>(clock_.now() - Instant{}).count();
    return report;
}

/// The first node's agent coordinates, however it was found.
void World::begin() {
    Plan plan = scenario_.plan;
    plan.coordinator = scenario_.elects ? "n0" : "";
    nodes_.push_back(std::make_unique<Node>(0, card_of(0), patience()));
    Node& first = *nodes_.back();
    first.desk.emplace(plan, Coordinator(plan), Watch(plan));
    first.leader = &first;
    leaders_.push_back(&first);
    for (coordinator::Action& each : first.desk->coordinator.begin(clock_.now()))
        perform(first, std::move(each));
    locally(first, 0s, [this, &first] {
        tell(first, Hello{first.card});
        for (const agent::Action& each : first.life.begin())
            perform(first, each);
    });
    for (int number = 1; number < static_cast<int>(scenario_.workers.size()); ++number) {
        clock_.in(random_.time(0s, scenario_.comes_within),
                  [this, number] { come(number, card_of(number)); });
    }
    reach(After::start);
    clock_.in(1s, [this] { look(); });
}

/// Another agent comes, and finds the coordinator of that time.
void World::come(int number, Card card) {
    Node* const leads = leader();
    if (leads == nullptr) return;  // nobody answers there
    nodes_.push_back(std::make_unique<Node>(number, std::move(card), patience()));
    Node& node = *nodes_.back();
    node.index = static_cast<int>(nodes_.size()) - 1;
    trace(node.card.id, "comes");
    connect(node, *leads);
    if (leads->state != Node::State::runs || !reaches(node, *leads)) node.cut_off = true;
    locally(node, 0s, [this, &node] {
        tell(node, Hello{node.card});
        for (const agent::Action& each : node.life.begin())
            perform(node, each);
    });
}

/// What happens on a node later; kept for a suspended agent, in vain for a dead one.
void World::locally(Node& node, Duration delay, std::function<void()> what) {
    clock_.in(delay, [this, &node, what = std::move(what)] { act(node, what); });
}

void World::act(Node& node, std::function<void()> what) {
    if (node.state == Node::State::paused) return node.missed.push_back(std::move(what));
    if (node.state == Node::State::runs) what();
}

void World::handle(Node& node, const agent::Event& event) {
    if (node.state != Node::State::runs) return;
    const std::string before(node.life.state());
    moved_ = clock_.now();
    const auto actions = node.life.handle(event);
    if (trace_ != nullptr) {
        const char* const kEvents[] = {"assignment",      "stop",           "finish",
                                       "workers started", "worker ended",   "all stopped",
                                       "signalled",       "link lost",      "new coordinator",
                                       "no coordinator",  "cannot announce"};
        trace(node.card.id,
              fmt::format("{}: {} -> {}", kEvents[event.index()], before, node.life.state()));
    }
    for (const agent::Action& each : actions)
        perform(node, each);
    if (node.life.seeks_coordinator()) return;
    node.succession.retire();
    node.orphaned.reset();
}

void World::perform(Node& node, const agent::Action& action) {
    if (const auto* word = std::get_if<agent::Tell>(&action)) {
        tell(node, word->message);
    } else if (std::holds_alternative<agent::Announce>(action)) {
        if (std::exchange(node.has_no_port, false)) {
            return handle(node, agent::CannotAnnounce{"no port"});
        }
        tell(node, Ready{static_cast<std::uint16_t>(random_.number(1024, 65535)), true});
    } else if (const auto* start = std::get_if<agent::StartWorkers>(&action)) {
        start_workers(node, start->assignment);
    } else if (const auto* stop = std::get_if<agent::StopWorkers>(&action)) {
        stop_workers(node, stop->signal);
    } else if (const auto* last = std::get_if<agent::Exit>(&action)) {
        exit(node, last->verdict);
    }
}

void World::tell(Node& node, Up message) {
    if (std::holds_alternative<Ready>(message)) {
        node.ready_at = clock_.now();
        reach(After::ready);
    }
    if (std::holds_alternative<Started>(message)) reach(After::started);
    if (node.line != nullptr) return node.line->link.send(std::move(message));
    if (!node.desk) return;
    std::visit([&](auto& each) { decide(node, {node.card.id, std::move(each)}); }, message);
}

/// What whoever coordinates, or was asked to, says.
void World::hear(Node& node, const Down& message) {
    if (node.state != Node::State::runs) return;
    if (const auto* roster = std::get_if<Roster>(&message)) return node.succession.roster(*roster);
    if (const auto* lead = std::get_if<Lead>(&message)) {
        node.orphaned.reset();
        perform(node, node.succession.led(*lead));
        return handle(node, agent::NewCoordinator{});
    }
    if (const auto* answer = std::get_if<Defer>(&message)) {
        return perform(node, node.succession.deferred(*answer));
    }
    if (const auto* assignment = std::get_if<Assignment>(&message)) {
        return handle(node, *assignment);
    }
    if (const auto* stop = std::get_if<Stop>(&message)) {
        node.succession.stopped(stop->restart_count);
        return handle(node, *stop);
    }
    if (const auto* finish = std::get_if<Finish>(&message)) handle(node, *finish);
}

void World::exit(Node& node, const Verdict& verdict) {
    node.verdict = verdict;
    trace(node.card.id, "exits: " + verdict.reason);
    check_exit(node);
    if (node.leads()) return;  // the coordinator is the last to go
    end(node);
}

void World::end(Node& node) {
    kill_workers(node);
    node.state = Node::State::ended;
    close_lines(node);
}

Node* World::node_at(int number) {
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
        if ((*node)->number == number) return node->get();
    }
    return nullptr;
}

Node* World::latest() const {
    return *std::max_element(leaders_.begin(), leaders_.end(), [](const Node* a, const Node* b) {
        return a->desk->coordinator.epoch() < b->desk->coordinator.epoch();
    });
}

Node* World::leader() const {
    Node* const last = latest();
    return last->leads() ? last : nullptr;
}

/// That coordinator counts on it.
bool World::belongs(const Node& node, const Node& leader) const {
    const auto found = leader.desk->members.find(node.card.id);
    if (found == leader.desk->members.end() || !leader.leads()) return false;
    if (&node != (found->second == nullptr ? &leader : &found->second->caller)) return false;
    const bool given_up = node.stuck_until > clock_.now();
    if (leader.desk->watch.dismissed(node.card.id) && given_up) return false;
    if (found->second == nullptr) return !node.verdict;
    return found->second->link.open(End::coordinator);
}

void World::trace(const std::string& who, const std::string& what) const {
    if (trace_ == nullptr) return;
    const double seconds = std::chrono::duration<double>(clock_.now() - Instant{}).count();
    *trace_ << fmt::format("{:12.6f}  {:12} {}\n", seconds, who, what);
}

Played play(const Scenario& scenario, std::ostream* trace) {
    return World(scenario, trace).play();
}

}  // namespace torchelastic::sim
