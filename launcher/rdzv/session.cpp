// Handshake, then messages, with a heartbeat beneath both.
#include "rdzv/session.h"

#include <chrono>

#include <fmt/format.h>

#include "base/text.h"
#include "wire/frame.h"
#include "wire/handshake.h"

namespace torchelastic::rdzv {

namespace {

constexpr Duration kFarewell = std::chrono::seconds(2);

std::int64_t wall_us() {
    using namespace std::chrono;
    return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

struct Session::State : std::enable_shared_from_this<Session::State> {
    State(net::Loop& loop, net::Connection open, Side of, const Credentials& credentials,
          KeepAlive alive)
        : connection(std::move(open)),
          side(of),
          keep_alive(alive),
          run_id(credentials.run_id),
          client(credentials.token, credentials.run_id, wire::random_nonce()),
          server(credentials.token, credentials.run_id, wire::random_nonce()),
          timer(loop) {}

    void start() {
        const auto weak = weak_from_this();
        connection.start({.data =
                              [weak](std::string_view bytes) {
                                  if (const auto state = weak.lock()) state->read(bytes);
                              },
                          .closed =
                              [weak](const std::string& why) {
                                  if (const auto state = weak.lock()) state->hung_up(why);
                              }});
        std::string opening(wire::kPreamble);
        if (side == Side::client) opening += wire::frame(client.challenge());
        connection.send(opening);
        tick();
    }

    void tick() {
        timer.arm(keep_alive.interval, [weak = weak_from_this()] {
            const auto state = weak.lock();
            if (!state || state->over) return;
            // Until it is proven a peer has to prove, not just to talk.
            state->missed = state->heard && state->proven ? 0 : state->missed + 1;
            state->heard = false;
            if (state->missed >= state->keep_alive.attempts) {
                const std::chrono::duration<double> silence =
                    state->keep_alive.interval * state->missed;
                return state->give_up(fmt::format(
                    "no {} for {:.3g} s", state->proven ? "word" : "proof of the job's token",
                    silence.count()));
            }
            if (state->proven) state->ping();
            state->tick();
        });
    }

    void ping() { connection.send(wire::frame(wire::encode(clock.ping(wall_us())))); }

    void read(std::string_view bytes) {
        heard = true;
        received += bytes.size();
        frames.feed(bytes);
        const auto alive = shared_from_this();
        while (!over) {
            auto payload = frames.next();
            if (!payload) return give_up(payload.error().text());
            if (!*payload) return;
            const Result<void> taken = proven ? take(**payload) : shake(**payload);
            if (!taken) return give_up(taken.error().text());
        }
    }

    Result<void> shake(const std::string& payload) {
        if (answered) {
            if (auto checked = check(payload); !checked) return checked;
            believe();
            return {};
        }
        const auto answer = side == Side::client ? client.prove(payload) : server.answer(payload);
        if (!answer) return failure(answer.error());
        connection.send(wire::frame(*answer));
        answered = true;
        return {};
    }

    /// A server that took our proof says so by its first message. One that is short of room turns
    /// agents away until then, and they may try again; afterwards they would count as lost.
    Result<void> check(const std::string& payload) {
        return side == Side::client ? take(payload) : server.check(payload);
    }

    void believe() {
        proven = true;
        frames.raise_limit(wire::kProvenLimit);
        if (side == Side::server) ping();
        // A handler may replace the handlers: it must not be destroyed while it runs.
        if (const auto call = handlers.proven) call();
    }

    Result<void> take(const std::string& payload) {
        auto message = wire::decode(payload);
        if (!message) return failure(std::move(message).error());
        if (const auto* heard_ping = std::get_if<wire::Ping>(&*message)) {
            if (clock.hear(*heard_ping, wall_us())) ping();
            return {};
        }
        if (const auto* farewell = std::get_if<wire::Farewell>(&*message)) {
            heard_farewell = true;
            return failure("the peer gave up: " + farewell->why);
        }
        if (const auto call = handlers.message) call(std::move(*message));
        return {};
    }

    /// The peer may be alive, and must not take us for dead.
    void give_up(const std::string& why) {
        if (!proven || heard_farewell) return end(why);
        connection.send(wire::frame(wire::encode(wire::Farewell{why})));
        connection.close_when_sent(kFarewell);
        said_farewell = true;
        end(why);
    }

    /// Who does not know the run says no word but its preamble.
    void hung_up(const std::string& why) {
        if (side == Side::server || answered || received < wire::kPreamble.size()) return end(why);
        end(
            fmt::format("the agent that listens there hung up when asked for run {}: it belongs to "
                        "another run, or has just ended",
                        printable(run_id, 100)));
    }

    void end(const std::string& why) {
        if (over) return;
        over = true;
        timer.cancel();
        if (!said_farewell) connection.close();
        const auto call = std::move(handlers.closed);
        handlers = {};
        if (call) call(why);
    }

    net::Connection connection;
    Side side;
    KeepAlive keep_alive;
    std::string run_id;
    wire::ClientHandshake client;
    wire::ServerHandshake server;
    wire::FrameReader frames{wire::kUnprovenLimit};
    wire::PeerClock clock;
    SessionHandlers handlers;
    net::Timer timer;
    bool answered = false;
    bool proven = false;
    bool heard = true;
    bool over = false;
    bool said_farewell = false;
    bool heard_farewell = false;
    int missed = 0;
    std::size_t received = 0;
};

Session::Session(net::Loop& loop, net::Connection connection, Side side,
                 const Credentials& credentials, KeepAlive keep_alive)
    : state_(std::make_shared<State>(loop, std::move(connection), side, credentials, keep_alive)) {}

Session::~Session() {
    if (state_) state_->over = true;
}

Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

void Session::start(SessionHandlers handlers) {
    state_->handlers = std::move(handlers);
    state_->start();
}

void Session::hand_over(SessionHandlers handlers) {
    state_->handlers = std::move(handlers);
}

void Session::send(const wire::Message& message) {
    if (!state_->over) state_->connection.send(wire::frame(wire::encode(message)));
}

void Session::close_when_sent(Duration limit) {
    state_->over = true;
    state_->timer.cancel();
    state_->connection.close_when_sent(limit);
}

std::optional<wire::ClockOffset> Session::clock_offset() const {
    return state_->clock.offset();
}

bool Session::met_foreign_agent() const {
    return state_->frames.met_foreign_agent();
}

bool Session::peer_died() const {
    return state_->connection.ended_by_peer() && !state_->heard_farewell;
}

const Endpoint& Session::local() const {
    return state_->connection.local();
}

const Endpoint& Session::peer() const {
    return state_->connection.peer();
}

}  // namespace torchelastic::rdzv
