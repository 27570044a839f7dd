// sim --seed N [--trace]: plays the scenario of one seed again. sim --seed N --count M: those of M
// seeds from N on, and tells of those that show something wrong.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include <fmt/format.h>

#include "scenario.h"
#include "world.h"

namespace {

using namespace torchelastic;

int usage() {
    std::cerr << "usage: sim --seed N [--trace | --count M]\n";
    return 2;
}

int play_many(std::uint64_t first, std::uint64_t count) {
    std::uint64_t wrong = 0;
    std::size_t steps = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        const sim::Played report = sim::play(sim::random_scenario(seed));
        steps += report.steps;
        if (!report.violation) continue;
        wrong += 1;
        fmt::print("seed {}: {}\n", seed, *report.violation);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    fmt::print("{} seeds, {} wrong, {} steps, {:.1f} s, {:.0f} seeds per second\n", count, wrong,
               steps, took.count(), static_cast<double>(count) / took.count());
    return wrong == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t seed = 0;
    std::uint64_t count = 0;
    bool trace = false;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--trace") == 0) {
            trace = true;
        } else if (i + 1 == argc) {
            return usage();
        } else if (std::strcmp(argv[i], "--seed") == 0) {
            seed = std::strtoull(argv[++i], nullptr, 10);
        } else if (std::strcmp(argv[i], "--count") == 0) {
            count = std::strtoull(argv[++i], nullptr, 10);
        } else {
            return usage();
        }
    }
    if (count > 0) return play_many(seed, count);
    const sim::Scenario scenario = sim::random_scenario(seed);
    std::cout << sim::describe(scenario);
    const sim::Played report = sim::play(scenario, trace ? &std::cout : nullptr);
    fmt::print("{} rounds, {} restarts, {} steps, {:.3f} s of virtual time: {}\n", report.rounds,
               report.restarts, report.steps, report.seconds,
               report.verdict ? report.verdict->reason : "no verdict");
    if (report.violation) fmt::print("WRONG: {}\n", *report.violation);
    return report.violation ? 1 : 0;
}
