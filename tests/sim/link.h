// A simulated connection between an agent and the coordinator: ordered as TCP's are, slow by
// chance, cut and healed from outside. What stands in for rdzv/session and the network below it.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <variant>

#include "clock.h"
#include "coordinator/messages.h"
#include "random.h"

namespace torchelastic::sim {

/// How a network behaves.
struct Network {
    Duration least = std::chrono::microseconds(50);  ///< a message takes so long,
    Duration most = std::chrono::milliseconds(2);    ///< or so long
    Duration interval = std::chrono::seconds(1);     ///< of the keep-alive
    int attempts = 3;

    Duration limit() const { return interval * attempts; }
};

enum class End { agent, coordinator };

/// What arrives at an end. `closed` comes once, last, and never by the end's own doing. `died`: the
/// process at the other end is no more; else it may have given up only.
template <class Message>
struct Receiver {
    std::function<void(Message)> message;
    std::function<void(const std::string& why, bool died)> closed;
};

class Link {
public:
    Link(Clock& clock, Random& random, const Network& network,
         Receiver<coordinator::Up> coordinator, Receiver<coordinator::Down> agent)
        : clock_(clock), random_(random), network_(network) {
        up_.receiver = std::move(coordinator);
        down_.receiver = std::move(agent);
    }

    void send(coordinator::Up message) { send(up_, down_, std::move(message)); }
    void send(coordinator::Down message) { send(down_, up_, std::move(message)); }

    /// The process at this end is no more. The other end hears of it behind all that was sent.
    void close(End end) { end == End::agent ? close(down_, up_, true) : close(up_, down_, true); }

    /// Nothing passes any more, until it heals. What is on its way waits, as TCP sends it again;
    /// an end that hears nothing for the keep-alive's time gives up.
    void cut(bool yes) {
        cut_ = yes;
        watch(up_);
        watch(down_);
        pump(up_);
        pump(down_);
    }
    bool cut() const { return cut_; }

    /// The process at that end does not run, but its kernel takes what comes.
    void pause(End end, bool yes) {
        (end == End::agent ? down_.asleep : up_.asleep) = yes;
        watch(up_);
        watch(down_);
        pump(up_);
        pump(down_);
    }

    bool open(End end) const { return end == End::agent ? down_.open : up_.open; }

private:
    struct Closed {
        bool died;
    };
    template <class Message>
    struct Way {
        std::deque<std::pair<Instant, std::variant<Message, Closed>>> items;
        Instant last{};
        bool open = true;     // the receiving end
        bool asleep = false;  // the receiving process
        bool silent = false;
        unsigned silence = 0;  // tells one silence from the next
        Receiver<Message> receiver;
    };
    using Upward = Way<coordinator::Up>;
    using Downward = Way<coordinator::Down>;

    Downward& opposite(const Upward&) { return down_; }
    Upward& opposite(const Downward&) { return up_; }

    template <class There, class Back, class Item>
    void send(There& way, Back& back, Item item) {
        if (!back.open) return;
        way.last = std::max(way.last, clock_.now() + random_.time(network_.least, network_.most));
        way.items.emplace_back(way.last, std::move(item));
        clock_.at(way.last, [this, &way] { pump(way); });
    }

    template <class There>
    void pump(There& way) {
        while (way.open && !way.asleep && !cut_ && !way.items.empty() &&
               way.items.front().first <= clock_.now()) {
            auto item = std::move(way.items.front().second);
            way.items.pop_front();
            if (const auto* closed = std::get_if<Closed>(&item)) {
                return lose(way, closed->died ? "connection closed" : "given up", closed->died);
            }
            way.receiver.message(std::move(std::get<0>(item)));
        }
    }

    template <class There>
    void lose(There& way, const std::string& why, bool died) {
        close(way, opposite(way), false);
        way.receiver.closed(why, died);
    }

    template <class There, class Back>
    void close(There& way, Back& back, bool died) {
        if (!way.open) return;
        send(back, way, Closed{died});
        way.open = false;
        way.items.clear();
    }

    /// Counts the silence at one end, as that process lives through it.
    template <class There>
    void watch(There& way) {
        const bool silent = (cut_ || opposite(way).asleep) && !way.asleep;
        if (silent == way.silent) return;
        way.silent = silent;
        way.silence += 1;
        if (!silent) return;
        const Duration wait = network_.limit() + random_.time(Duration(0), network_.interval);
        clock_.in(wait, [this, &way, silence = way.silence] {
            if (way.silence == silence && way.open) lose(way, "silent for 3 s", false);
        });
    }

    Clock& clock_;
    Random& random_;
    const Network& network_;
    bool cut_ = false;
    Upward up_;      // to the coordinator
    Downward down_;  // to the agent
};

}  // namespace torchelastic::sim
