// Agents of a simulated job.
#include "world.h"

#include <ostream>
#include <utility>

#include <fmt/format.h>

namespace torchelastic::sim {

using namespace std::chrono_literals;
using namespace coordinator;

World::World(Scenario scenario, std::ostream* trace)
    : scenario_(std::move(scenario)),
      trace_(trace),
      random_(scenario_.seed),
      watch_(scenario_.plan) {
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
    card.order = scenario_.plan.membership == Membership::open ? 0 : number;
    card.workers = known ? scenario_.workers[index] : scenario_.workers.front();
    if (known && !scenario_.roles.empty()) card.role = scenario_.roles[index];
    return card;
}

Report World::play() {
    Report report;
    try {
        coordinator_.emplace(scenario_.plan);
        come(0, card_of(0));
        for (Action& each : coordinator_->begin(clock_.now()))
            perform(std::move(each));
        for (int number = 1; number < static_cast<int>(scenario_.workers.size()); ++number) {
            clock_.in(random_.time(0s, scenario_.comes_within),
                      [this, number] { come(number, card_of(number)); });
        }
        reach(After::start);
        clock_.in(1s, [this] { look(); });
        while (!over_ && clock_.step())
            report.steps += 1;
        check_end();
    } catch (const Violation& violation) {
        report.violation = violation.what();
        trace("VIOLATION", violation.what());
    }
    if (done_) report.verdict = done_->verdict;
    report.rounds = coordinator_->round() + 1;
    report.restarts = coordinator_->restart_count();
    report.seconds = std::chrono::duration<double>(clock_.now() - Instant{}).count();
    return report;
}

void World::come(int number, Card card) {
    if (!nodes_.empty() && !nodes_.front()->alive()) return;  // nobody answers there
    nodes_.push_back(std::make_unique<Node>(number, std::move(card)));
    Node& node = *nodes_.back();
    trace(node.card.id, "comes");
    if (nodes_.size() > 1) {
        node.link = std::make_unique<Link>(
            clock_, random_, scenario_.network,
            Receiver<Up>{.message = [this, &node](Up message) { greet(node, message); },
                         .closed =
                             [this, &node](const std::string& why) {
                                 if (node.adopted) decide({node.card.id, Lost{why}});
                             }},
            Receiver<Down>{.message =
                               [this, &node](const Down& message) {
                                   std::visit([&](const auto& each) { handle(node, each); },
                                              message);
                               },
                           .closed =
                               [this, &node](const std::string& why) {
                                   node.lost_link = true;
                                   handle(node, agent::LinkLost{why});
                               }});
        if (!host_runs()) {
            node.cut_off = true;
            node.link->pause(End::coordinator, true);
        }
    }
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
        const char* const kEvents[] = {"assignment",      "stop",         "finish",
                                       "workers started", "worker ended", "all stopped",
                                       "signalled",       "link lost",    "cannot announce"};
        trace(node.card.id,
              fmt::format("{}: {} -> {}", kEvents[event.index()], before, node.life.state()));
    }
    for (const agent::Action& each : actions)
        perform(node, each);
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
    } else if (const auto* end = std::get_if<agent::Exit>(&action)) {
        exit(node, end->verdict);
    }
}

void World::tell(Node& node, Up message) {
    if (std::holds_alternative<Ready>(message)) {
        node.ready_at = clock_.now();
        reach(After::ready);
    }
    if (std::holds_alternative<Started>(message)) reach(After::started);
    if (node.link) return node.link->send(std::move(message));
    hear(node, std::move(message));
}

void World::exit(Node& node, const Verdict& verdict) {
    node.verdict = verdict;
    trace(node.card.id, "exits: " + verdict.reason);
    check_exit(node);
    if (!node.link) return;  // the coordinator is the last to go
    node.state = Node::State::ended;
    node.link->close(End::agent);
}

Node* World::node_at(int number) {
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
        if ((*node)->number == number) return node->get();
    }
    return nullptr;
}

/// The coordinator counts on it.
bool World::belongs(const Node& node) const {
    const bool given_up = node.stuck_until > clock_.now();
    if (watch_.dismissed(node.card.id) && given_up) return false;
    if (!node.link) return !node.verdict;
    return node.adopted && node.link->open(End::coordinator);
}

void World::trace(const std::string& who, const std::string& what) const {
    if (trace_ == nullptr) return;
    const double seconds = std::chrono::duration<double>(clock_.now() - Instant{}).count();
    *trace_ << fmt::format("{:12.6f}  {:12} {}\n", seconds, who, what);
}

Report play(const Scenario& scenario, std::ostream* trace) {
    return World(scenario, trace).play();
}

}  // namespace torchelastic::sim
