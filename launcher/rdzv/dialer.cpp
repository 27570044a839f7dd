// Trying ports.
#include "rdzv/dialer.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace torchelastic::rdzv {

namespace {

using std::chrono::milliseconds;

constexpr Duration kFirstPause = milliseconds(2);
constexpr Duration kLongestPause = milliseconds(200);
constexpr Duration kAnswerLimit = std::chrono::seconds(2);
/// For about 2 s: an agent of another job may stand where ours will, or go away.
constexpr int kForeignRounds = 20;

}  // namespace

struct Dialer::State : std::enable_shared_from_this<Dialer::State> {
    explicit State(net::Loop& on) : loop(on), pause_timer(on), deadline(on) {}

    void begin(Duration limit) {
        deadline.arm(limit, [weak = weak_from_this(), limit] {
            const auto state = weak.lock();
            if (!state) return;
            const std::chrono::duration<double> waited = limit;
            state->finish(failure(fmt::format(
                "no coordinator at {} within {:.3g} s (join_timeout); the last attempt met: {}",
                state->places(), waited.count(),
                state->last_trouble.empty() ? "nothing" : state->last_trouble)));
        });
        dial();
    }

    std::string places() const {
        const std::string first = to_string(where.front());
        return where.size() == 1 ? first
                                 : fmt::format("{} or {} other places", first, where.size() - 1);
    }

    void dial() {
        connector.emplace(loop, where[next], kAnswerLimit,
                          [weak = weak_from_this()](Result<net::Connection> result) {
                              const auto state = weak.lock();
                              if (!state) return;
                              if (!result) return state->try_next(result.error().text());
                              state->shake(std::move(*result));
                          });
    }

    void shake(net::Connection connection) {
        session.emplace(loop, std::move(connection), Session::Side::client, credentials,
                        keep_alive);
        const auto weak = weak_from_this();
        session->start({.proven =
                            [weak] {
                                if (const auto state = weak.lock()) {
                                    state->finish(std::move(*state->session));
                                }
                            },
                        .message = nullptr,
                        .closed =
                            [weak](const std::string& why) {
                                const auto state = weak.lock();
                                if (!state) return;
                                if (state->session->met_foreign_agent()) {
                                    state->foreigner =
                                        to_string(state->session->peer()) + ": " + why;
                                }
                                state->try_next(why);
                            }});
    }

    void try_next(std::string trouble) {
        last_trouble = std::move(trouble);
        next += 1;
        if (next < where.size()) return dial();
        if (once) return finish(failure(last_trouble));
        next = 0;
        foreign_rounds = foreigner.empty() ? 0 : foreign_rounds + 1;
        if (foreign_rounds == kForeignRounds) return finish(failure(foreigner));
        foreigner.clear();
        pause_timer.arm(pause, [weak = weak_from_this()] {
            if (const auto state = weak.lock()) state->dial();
        });
        pause = std::min(kLongestPause, pause + pause / 2);
    }

    void finish(Result<Session> result) {
        deadline.cancel();
        pause_timer.cancel();
        const auto call = std::move(done);
        done = nullptr;
        if (call) call(std::move(result));
    }

    net::Loop& loop;
    std::vector<Endpoint> where;
    Credentials credentials;
    KeepAlive keep_alive;
    std::function<void(Result<Session>)> done;
    net::Timer pause_timer;
    net::Timer deadline;
    Duration pause = kFirstPause;
    bool once = false;
    std::size_t next = 0;
    std::string last_trouble;
    std::string foreigner;   ///< whom this round over all endpoints met that is no use
    int foreign_rounds = 0;  ///< how many in a row met one
    std::optional<net::Connector> connector;
    std::optional<Session> session;
};

Dialer::Dialer(net::Loop& loop, std::vector<Endpoint> where, Credentials credentials,
               KeepAlive keep_alive, Duration limit, std::function<void(Result<Session>)> done,
               bool once)
    : state_(std::make_shared<State>(loop)) {
    state_->where = std::move(where);
    state_->credentials = std::move(credentials);
    state_->keep_alive = keep_alive;
    state_->done = std::move(done);
    state_->once = once;
    state_->begin(limit);
}

Dialer::~Dialer() = default;

const std::string& Dialer::trouble() const {
    return state_->last_trouble;
}

}  // namespace torchelastic::rdzv
