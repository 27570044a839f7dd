// Doors, calls and timers around the succession.
#include "agent/reelection.h"

#include <chrono>
#include <utility>
#include <variant>

namespace torchelastic::agent {

namespace {

using namespace coordinator;

constexpr Duration kDialLimit = std::chrono::seconds(2);
constexpr Duration kFarewell = std::chrono::seconds(2);

Instant now() {
    return std::chrono::steady_clock::now();
}

}  // namespace

Duration patience(rdzv::KeepAlive keep_alive) {
    return keep_alive.interval * (keep_alive.attempts + 1) + 2 * kDialLimit;
}

Reelection::Reelection(net::Loop& loop, report::Log& log, net::Listener listener, Card own,
                       const rdzv::Credentials& credentials, rdzv::KeepAlive keep_alive,
                       ReelectionHandlers handlers)
    : loop_(loop),
      log_(log),
      own_(own.id),
      credentials_(credentials),
      keep_alive_(keep_alive),
      handlers_(std::move(handlers)),
      succession_(std::move(own), patience(keep_alive)),
      timer_(loop),
      door_(
          loop, std::move(listener), credentials, keep_alive,
          [this](rdzv::Session session) { enter(std::move(session)); },
          [this](const std::string& line, bool news) {
              news ? log_.warning(line) : log_.info(line);
          }) {}

void Reelection::lost(const std::string& why, bool died) {
    perform(succession_.lost(why, died, now()));
}

void Reelection::missed(const std::string& why) {
    perform(succession_.missed(why, now()));
}

void Reelection::retire() {
    succession_.retire();
    timer_.cancel();
    dialer_.reset();
}

/// Another agent calls: it wants this one to coordinate, or does so already.
void Reelection::enter(rdzv::Session session) {
    if (succession_.leads()) return handlers_.joined(std::move(session));
    const unsigned long number = ++last_caller_;
    rdzv::Session& kept = callers_.emplace(number, std::move(session)).first->second;
    kept.hand_over({.proven = nullptr,
                    .message =
                        [this, number](const wire::Message& message) {
                            auto node = callers_.extract(number);
                            const auto* report = std::get_if<Report>(&message);
                            if (report == nullptr) return;
                            const AgentId id = report->card.id;
                            node.mapped().hand_over({.proven = nullptr,
                                                     .message = nullptr,
                                                     .closed = [this, id](const std::string&) {
                                                         succession_.withdrawn(id);
                                                         supporters_.erase(id);
                                                     }});
                            supporters_.insert_or_assign(id, std::move(node.mapped()));
                            perform(succession_.report(*report, now()));
                        },
                    .closed = [this, number](const std::string&) { callers_.erase(number); }});
}

void Reelection::perform(const Succession::Actions& actions) {
    for (const Succession::Action& action : actions)
        std::visit([this](const auto& each) { perform(each); }, action);
}

void Reelection::perform(const Dial& order) {
    log_.info("asking node " + order.successor.id + " to coordinate");
    dialer_.emplace(
        loop_, std::vector<Endpoint>{order.successor.at}, credentials_, keep_alive_, kDialLimit,
        [this](Result<rdzv::Session> session) {
            if (!session) return missed(session.error().text());
            handlers_.reached(std::move(*session));
            perform(succession_.reached(now()));
        },
        true);
}

void Reelection::perform(const SendReport& order) {
    handlers_.tell(order.report);
}

void Reelection::perform(const SendDefer& order) {
    const auto supporter = supporters_.find(order.agent);
    if (supporter != supporters_.end()) supporter->second.send(order.message);
}

void Reelection::perform(const TakeOver& order) {
    Report own;
    std::vector<Supporter> supporters;
    for (const Report& report : order.reports) {
        if (report.card.id == own_) own = report;
        auto node = supporters_.extract(report.card.id);
        if (!node.empty()) supporters.push_back({report, std::move(node.mapped())});
    }
    handlers_.elected(order.inheritance, own, std::move(supporters));
    for (auto& [number, session] : std::exchange(callers_, {}))
        handlers_.joined(std::move(session));
}

void Reelection::perform(const GiveUp& order) {
    const Verdict verdict{Outcome::coordinator_lost, 1, "lost the coordinator: " + order.why};
    for (auto& [id, session] : supporters_) {
        if (order.stood) session.send(Finish{verdict});
        session.close_when_sent(kFarewell);
    }
    supporters_.clear();
    handlers_.failed(order.why);
}

void Reelection::perform(const WaitUntil& order) {
    timer_.cancel();
    if (!order.at) return;
    timer_.arm(*order.at - now(), [this] { perform(succession_.time_up(now())); });
}

}  // namespace torchelastic::agent
