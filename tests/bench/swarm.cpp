// swarm PORT AGENTS RUN: plays that many agents of a c10d job, without workers, to a coordinator on
// this machine, and holds it to the protocol. Says "WORD SECONDS" when the last of them has proved
// itself ("proven") and has its place ("formed"); at a line on standard input one tells of a failed
// worker: when the last has heard of it ("told") and has its new place ("restarted"); at another
// line all succeed: when the last was told the end ("ended").
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "base/endpoint.h"
#include "net/loop.h"
#include "rdzv/dialer.h"
#include "rdzv/session.h"

namespace {

using namespace torchelastic;
using namespace torchelastic::coordinator;

constexpr Duration kPatience = std::chrono::seconds(60);
constexpr Duration kFarewell = std::chrono::seconds(10);

/// A port of 127.0.0.1 can be reached from some 28,000 others.
constexpr std::size_t kAgentsPerAddress = 20000;

[[noreturn]] void give_up(const std::string& why) {
    fmt::print(stderr, "swarm: {}\n", why);
    std::_Exit(1);
}

class Swarm {
public:
    Swarm(net::Loop& loop, std::uint16_t port, std::size_t agents, std::string run)
        : loop_(loop), port_(port), credentials_{"none", std::move(run)}, agents_(agents) {}

    void begin() {
        since_ = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < agents_.size(); ++i)
            dial(i);
    }

    /// One fails; then, all succeed.
    void go_on() {
        if (ranks_.size() < agents_.size()) give_up("told to go on too early");
        since_ = std::chrono::steady_clock::now();
        if (round_ == 0) {
            WorkerFailure worker;
            worker.agent = card(0).id;
            worker.exit_code = 1;
            return tell(0, Failed{round_, worker});
        }
        for (std::size_t i = 0; i < agents_.size(); ++i)
            tell(i, Succeeded{round_});
    }

private:
    struct Agent {
        std::optional<rdzv::Dialer> dialer;
        std::optional<rdzv::Session> session;
    };

    static Card card(std::size_t i) {
        Card card;
        card.id = fmt::format("swarm{:06}/1", i);
        card.address = fmt::format("10.{}.{}.{}", i >> 16 & 255, i >> 8 & 255, i & 255);
        card.pid = 1;
        card.other_addresses = {fmt::format("fd00::{:x}", i + 1)};
        return card;
    }

    void dial(std::size_t i) {
        const Endpoint where{fmt::format("127.0.0.{}", 1 + i / kAgentsPerAddress), port_};
        agents_[i].dialer.emplace(loop_, std::vector{where}, credentials_, rdzv::KeepAlive{},
                                  kPatience, [this, i](Result<rdzv::Session> session) {
                                      if (!session) give_up(session.error().text());
                                      join(i, std::move(*session));
                                  });
    }

    void join(std::size_t i, rdzv::Session session) {
        agents_[i].session.emplace(std::move(session));
        agents_[i].dialer.reset();
        agents_[i].session->hand_over(
            {.proven = nullptr,
             .message =
                 [this, i](const wire::Message& message) {
                     std::visit([this, i](const auto& each) { hear(i, each); }, message);
                 },
             .closed =
                 [i](const std::string& why) {
                     give_up(fmt::format("agent {} lost the coordinator: {}", i, why));
                 }});
        if (++proven_ == agents_.size()) say("proven");
        tell(i, Hello{card(i)});
        tell(i, Ready{1, true});
    }

    void tell(std::size_t i, const Up& message) {
        std::visit([&](const auto& each) { agents_[i].session->send(wire::Message(each)); },
                   message);
    }

    void hear(std::size_t i, const Assignment& place) {
        const int nodes = static_cast<int>(agents_.size()) + 1;  // the coordinator's is one as well
        const bool fits = place.round == round_ && place.restart_count == round_ &&
                          place.group_world_size == nodes && place.world_size == nodes &&
                          place.group_rank >= 0 && place.group_rank < nodes &&
                          ranks_.insert(place.group_rank).second;
        if (!fits) {
            give_up(fmt::format("agent {} got rank {} of {} in round {}, restart count {}", i,
                                place.group_rank, place.group_world_size, place.round,
                                place.restart_count));
        }
        tell(i, Started{round_});
        if (ranks_.size() == agents_.size()) say(round_ == 0 ? "formed" : "restarted");
    }

    void hear(std::size_t i, const Stop& stop) {
        if (stop.round != round_) give_up(fmt::format("agent {}: stop {}", i, stop.round));
        if (++stopped_ == agents_.size()) {
            say("told");
            round_ += 1;
            ranks_.clear();
        }
        tell(i, Ready{1, true});
    }

    void hear(std::size_t i, const Finish& finish) {
        if (finish.verdict.outcome != Outcome::succeeded) {
            give_up(fmt::format("agent {} was told: {}", i, finish.verdict.reason));
        }
        tell(i, Ended{});
        agents_[i].session->close_when_sent(kFarewell);
        if (++ended_ < agents_.size()) return;
        say("ended");
        loop_.stop();
    }

    void hear(std::size_t i, const auto&) {
        give_up(fmt::format("agent {} got a message for coordinators", i));
    }

    void say(const char* what) const {
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - since_;
        fmt::print("{} {:.6f}\n", what, took.count());
        std::fflush(stdout);
    }

    net::Loop& loop_;
    std::uint16_t port_;
    rdzv::Credentials credentials_;
    std::vector<Agent> agents_;
    std::set<int> ranks_;  // that this round has given out
    Instant since_{};
    int round_ = 0;
    std::size_t proven_ = 0;
    std::size_t stopped_ = 0;
    std::size_t ended_ = 0;
};

void need_descriptors(std::size_t count) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_max = std::max<rlim_t>(limit.rlim_max, count);
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        give_up(fmt::format("needs {} descriptors: raise the hard limit (ulimit -Hn)", count));
    }
}

}  // namespace

int main(int argc, char** argv) {
    const auto number = [&](int i) { return argc == 4 ? std::strtoul(argv[i], nullptr, 10) : 0; };
    const std::size_t agents = number(2);
    const auto port = static_cast<std::uint16_t>(number(1));
    if (port == 0 || agents == 0) give_up("usage: swarm PORT AGENTS RUN");
    need_descriptors(agents + 64);
    net::Loop loop;
    Swarm swarm(loop, port, agents, argv[3]);
    net::Readable input(loop, Fd(::dup(STDIN_FILENO)), [&](int fd) {
        char bytes[256];
        const ssize_t got = ::read(fd, bytes, sizeof bytes);
        if (got <= 0) give_up("nobody is left who tells what to do");
        for (auto lines = std::count(bytes, bytes + got, '\n'); lines > 0; --lines)
            swarm.go_on();
    });
    swarm.begin();
    loop.run();
}
