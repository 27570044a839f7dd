// Drawing scenarios from seeds.
#include "scenario.h"

#include <fmt/format.h>

#include "random.h"

namespace torchelastic::sim {

namespace {

using namespace std::chrono_literals;
using coordinator::Membership;

constexpr int kFaultKinds = 17;
constexpr int kAfters = 6;

const char* const kKinds[kFaultKinds] = {
    "crash",         "pause",    "cut",          "terminate",    "come",        "fail",
    "succeed",       "fail_all", "be_deaf",      "be_stuck",     "never_start", "no_port",
    "terminate_all", "split",    "crash_leader", "pause_leader", "cut_leader"};
const char* const kMoments[kAfters] = {"start", "assignment", "stop",
                                       "ready", "started",    "verdict"};

/// How often each kind is drawn, in the order of Fault::Kind: what ends a job, rarely.
const int kWeights[kFaultKinds] = {14, 14, 14, 8, 16, 16, 8, 8, 6, 1, 1, 1, 1, 4, 6, 4, 4};

Fault::Kind draw_kind(Random& random) {
    int total = 0;
    for (const int weight : kWeights)
        total += weight;
    int drawn = random.number(1, total);
    int kind = 0;
    while (drawn > kWeights[kind])
        drawn -= kWeights[kind++];
    return static_cast<Fault::Kind>(kind);
}

int draw_size(Random& random) {
    if (random.chance(1)) return random.number(100, 300);
    return random.chance(80) ? random.number(2, 8) : random.number(9, 40);
}

/// Some times are awkward: within those of a message or of a stop.
Duration draw_delay(Random& random) {
    switch (random.number(0, 3)) {
        case 0:
            return random.time(0us, 3ms);
        case 1:
            return random.time(0ms, 60ms);
        case 2:
            return random.time(0s, 5s);
        default:
            return random.time(0s, 40s);
    }
}

Fault draw_fault(Random& random, int nodes) {
    Fault fault;
    fault.kind = draw_kind(random);
    fault.node = random.number(0, nodes - 1);
    fault.after = static_cast<After>(random.number(0, kAfters - 1));
    fault.nth = random.chance(60) ? 0 : random.number(1, 4);
    fault.delay = draw_delay(random);
    fault.lasts = random.chance(30) ? random.time(0s, 2s) : random.time(2s, 20s);
    if (fault.kind == Fault::Kind::be_stuck) fault.lasts = random.time(20s, 100s);
    return fault;
}

void draw_sizes(Scenario& scenario, Random& random) {
    coordinator::Plan& plan = scenario.plan;
    const int nodes = draw_size(random);
    plan.max_nodes = nodes;
    plan.min_nodes = nodes;
    if (plan.membership != Membership::ranked && random.chance(75)) {
        plan.min_nodes = random.number(1, random.chance(70) ? (nodes + 2) / 3 : nodes);
        plan.max_nodes = random.number(plan.min_nodes, nodes);
        if (plan.membership == Membership::open) plan.max_nodes += random.number(0, 3);
    }
    const int even = random.number(1, nodes > 40 ? 1 : 4);
    const bool mixed = random.chance(30);
    const bool roles = random.chance(20);
    for (int node = 0; node < nodes; ++node) {
        scenario.workers.push_back(mixed ? random.number(1, 4) : even);
        if (roles) scenario.roles.push_back(random.chance(50) ? "trainer" : "reader");
    }
}

}  // namespace

Scenario random_scenario(std::uint64_t seed) {
    Random random(seed);
    Scenario scenario;
    scenario.seed = random.next();
    coordinator::Plan& plan = scenario.plan;
    plan.run_id = "7.0.0";
    const int kind = random.number(1, 100);
    plan.membership = kind <= 40   ? Membership::known
                      : kind <= 52 ? Membership::ranked
                                   : Membership::open;
    draw_sizes(scenario, random);
    plan.max_restarts = random.chance(20) ? 0 : random.number(1, 5);
    plan.join_timeout = random.time(5s, 60s);
    plan.last_call_timeout = random.time(0s, 5s);
    if (random.chance(20)) scenario.network.most = 200ms;
    scenario.comes_within = random.chance(50) ? random.time(0ms, 20ms) : random.time(0s, 8s);
    if (random.chance(5)) scenario.comes_within = 70s;
    scenario.work = random.chance(20) ? random.time(0ms, 50ms) : random.time(1s, 60s);
    scenario.failing = random.chance(30) ? random.number(1, 30) : 0;
    const int faults = random.chance(10) ? random.number(7, 20) : random.number(0, 6);
    for (int i = 0; i < faults; ++i) {
        scenario.faults.push_back(draw_fault(random, static_cast<int>(scenario.workers.size())));
        const Fault drawn = scenario.faults.back();
        if (!random.chance(25)) continue;
        Fault close = draw_fault(random, static_cast<int>(scenario.workers.size()));
        close.after = drawn.after;  // two at about the same time are worth more than two alone
        close.nth = drawn.nth;
        close.delay = drawn.delay + random.time(0us, 5ms);
        scenario.faults.push_back(close);
    }
    return scenario;
}

std::string name(Fault::Kind kind) {
    return kKinds[static_cast<int>(kind)];
}

std::string name(After after) {
    return kMoments[static_cast<int>(after)];
}

std::string describe(const Scenario& scenario) {
    const char* const kMemberships[] = {"known", "ranked", "open"};
    const auto seconds = [](Duration time) { return std::chrono::duration<double>(time).count(); };
    const coordinator::Plan& plan = scenario.plan;
    std::string text = fmt::format(
        "{} nodes ({} membership), --nnodes={}:{}, --max-restarts={}, join_timeout {:.3f} s, "
        "last_call_timeout {:.3f} s\nmessages take up to {:.3f} s, nodes come within {:.3f} s, "
        "workers run for {:.3f} s, {} % fail\n",
        scenario.workers.size(), kMemberships[static_cast<int>(plan.membership)], plan.min_nodes,
        plan.max_nodes, plan.max_restarts, seconds(plan.join_timeout),
        seconds(plan.last_call_timeout), seconds(scenario.network.most),
        seconds(scenario.comes_within), seconds(scenario.work), scenario.failing);
    for (const Fault& fault : scenario.faults) {
        text += fmt::format("fault: {} n{} {:.6f} s after {} {}, lasts {:.3f} s\n",
                            name(fault.kind), fault.node, seconds(fault.delay), name(fault.after),
                            fault.nth, seconds(fault.lasts));
    }
    return text;
}

}  // namespace torchelastic::sim
