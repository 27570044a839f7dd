// Events in, actions out.
#include "agent/hub.h"

#include <chrono>
#include <cstdint>
#include <limits>
#include <utility>
#include <variant>

namespace torchelastic::agent {

namespace {

using namespace coordinator;

constexpr Duration kFarewell = std::chrono::seconds(2);

wire::Message on_the_wire(const Down& message) {
    return std::visit([](const auto& each) { return wire::Message(each); }, message);
}

/// So that the report's times, of workers of different nodes, are one clock's.
WorkerFailure by_own_clock(WorkerFailure failure, const std::optional<wire::ClockOffset>& offset) {
    constexpr std::int64_t kMicro = 1000000;
    failure.time_us = wire::by_own_clock(failure.time_us, offset);
    if (failure.raised_s > 0 &&
        failure.raised_s < std::numeric_limits<std::int64_t>::max() / kMicro) {
        failure.raised_s = wire::by_own_clock(failure.raised_s * kMicro, offset) / kMicro;
    }
    return failure;
}

}  // namespace

Hub::Hub(net::Loop& loop, report::Log& log, Plan plan, AgentId own, HubHandlers handlers)
    : Hub(loop, log, Coordinator(std::move(plan)), std::move(own), std::move(handlers)) {}

Hub::Hub(net::Loop& loop, report::Log& log, Plan plan, const Inheritance& inheritance, AgentId own,
         HubHandlers handlers)
    : Hub(loop, log, Coordinator(std::move(plan), inheritance), std::move(own),
          std::move(handlers)) {}

Hub::Hub(net::Loop& loop, report::Log& log, Coordinator actor, AgentId own, HubHandlers handlers)
    : loop_(loop),
      log_(log),
      coordinator_(std::move(actor)),
      own_(std::move(own)),
      handlers_(std::move(handlers)),
      timer_(loop) {
    for (Action& each : coordinator_.begin(std::chrono::steady_clock::now())) {
        perform(std::move(each));
    }
}

void Hub::open(net::Listener listener, const rdzv::Credentials& credentials,
               rdzv::KeepAlive keep_alive) {
    door_.emplace(
        loop_, std::move(listener), credentials, keep_alive,
        [this](rdzv::Session session) { enter(std::move(session)); },
        [this](const std::string& line, bool news) {
            news ? log_.warning(line) : log_.info(line);
        });
}

void Hub::from_own(Up message) {
    std::visit([this](auto& each) { handle({own_, std::move(each)}); }, message);
}

void Hub::enter(rdzv::Session session) {
    const unsigned long number = ++last_stranger_;
    rdzv::Session& kept = strangers_.emplace(number, std::move(session)).first->second;
    kept.hand_over(
        {.proven = nullptr,
         .message = [this, number](const wire::Message& message) { greet(number, message); },
         .closed = [this, number](const std::string&) { strangers_.erase(number); }});
}

void Hub::enter(rdzv::Session session, const Report& report) {
    admit(std::move(session), report.card, report);
}

void Hub::greet(unsigned long stranger, const wire::Message& message) {
    auto node = strangers_.extract(stranger);
    if (const auto* hello = std::get_if<Hello>(&message)) {
        admit(std::move(node.mapped()), hello->card, *hello);
    } else if (const auto* report = std::get_if<Report>(&message)) {
        admit(std::move(node.mapped()), report->card, *report);
    }
}

void Hub::admit(rdzv::Session session, const Card& card, Up word) {
    if (const auto refusal = coordinator_.refusal(card)) {
        log_.warning("refused an agent: " + *refusal);
        session.send(wire::Message(Finish{{Outcome::refused, 1, *refusal}}));
        session.close_when_sent(kFarewell);
        return;
    }
    const AgentId id = card.id;
    adopt(id, std::move(session));
    std::visit([&](auto& each) { handle({id, std::move(each)}); }, word);
}

void Hub::adopt(const AgentId& id, rdzv::Session session) {
    session.hand_over({.proven = nullptr,
                       .message = [this, id](const wire::Message& message) { hear(id, message); },
                       .closed =
                           [this, id](const std::string& why) {
                               handle({id, Lost{why, sessions_.at(id).peer_died()}});
                           }});
    sessions_.insert_or_assign(id, std::move(session));
}

void Hub::hear(const AgentId& id, wire::Message message) {
    if (auto* failed = std::get_if<Failed>(&message)) {
        failed->failure = by_own_clock(std::move(failed->failure), sessions_.at(id).clock_offset());
    }
    std::visit(
        [&](const auto& each) {
            using Kind = std::decay_t<decltype(each)>;
            // Whatever only a coordinator says, and a second greeting, is passed over.
            if constexpr (!std::is_same_v<Kind, Hello> && !std::is_same_v<Kind, Report> &&
                          std::is_constructible_v<Up, const Kind&>) {
                handle({id, each});
            }
        },
        message);
}

void Hub::handle(const coordinator::Event& event) {
    for (Action& each : coordinator_.handle(event, std::chrono::steady_clock::now())) {
        perform(std::move(each));
    }
}

void Hub::perform(Action action) {
    if (auto* message = std::get_if<Send>(&action)) {
        send(message->agent, std::move(message->message));
    } else if (const auto* alarm = std::get_if<ArmTimer>(&action)) {
        timer_.arm(alarm->at - std::chrono::steady_clock::now(), [this] {
            handle({"", TimeUp{}});
        });
    } else if (const auto* question = std::get_if<AskDeadline>(&action)) {
        handlers_.ask_deadline([this, weak = std::weak_ptr<bool>(alive_),
                                signal = question->signal](std::int64_t at_s) {
            if (!weak.expired()) handle({"", DeadlineKnown{signal, at_s}});
        });
    } else if (const auto* note = std::get_if<Note>(&action)) {
        note->level == Note::Level::warning ? log_.warning(note->text) : log_.info(note->text);
    } else if (auto* done = std::get_if<Done>(&action)) {
        timer_.cancel();
        loop_.post([this, weak = std::weak_ptr<bool>(alive_), verdict = std::move(*done)] {
            if (!weak.expired()) handlers_.done(verdict);
        });
    }
}

void Hub::send(const AgentId& id, Down message) {
    if (id == own_) {
        loop_.post([this, weak = std::weak_ptr<bool>(alive_), message = std::move(message)] {
            if (!weak.expired()) handlers_.to_own(message);
        });
        return;
    }
    const auto session = sessions_.find(id);
    if (session != sessions_.end()) session->second.send(on_the_wire(message));
}

}  // namespace torchelastic::agent
