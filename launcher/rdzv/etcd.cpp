// Being elected, or following who is.
#include "rdzv/etcd.h"

#include <chrono>
#include <optional>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "net/host.h"
#include "rdzv/dialer.h"
#include "rdzv/election.h"
#include "rdzv/errand.h"
#include "rdzv/stand.h"

namespace torchelastic::rdzv {

namespace {

/// How often a lease is kept alive: two beats in a row may get lost.
constexpr Duration kBeat = Election::kLease / 3;
/// How often those look who cannot watch, because etcd is away.
constexpr Duration kLook = std::chrono::seconds(1);
/// Whoever has not reached the coordinator by then watches whether it is still there: it may have
/// died, and then hears at once that its key is gone, and of the next one. From there to the
/// workers of two nodes it is 9 ms in the median; 0.46 s with a look at every second. Whoever meets
/// at once puts no such load on etcd, and needs no thread that ends by itself only, within the
/// patience of a call.
constexpr Duration kUnmet = std::chrono::milliseconds(200);
/// How long the end of the job waits for etcd.
constexpr Duration kFarewell = std::chrono::seconds(2);

class EtcdRendezvous : public Rendezvous {
public:
    EtcdRendezvous(net::Loop& loop, EtcdRun run, Self self, Settings settings, Carry carry)
        : loop_(loop),
          run_(std::move(run)),
          self_(std::move(self)),
          settings_(std::move(settings)),
          carry_(std::move(carry)),
          patience_(loop),
          again_(loop) {}

    void meet(std::function<void(Result<Meeting>)> done) override {
        done_ = std::move(done);
        auto stand = open_stand(loop_, run_.node, settings_);
        if (!stand) return finish(failure(std::move(stand).error()));
        if (stand->card.addresses.empty()) stand->card.addresses = {"127.0.0.1"};
        own_ = stand->card;
        listener_.emplace(std::move(stand->listener));
        election_.emplace(run_.prefix, self_.credentials.run_id, own_);
        patience_.arm(settings_.join_timeout, [this] { give_up(); });
        ask(election_->look());
    }

    void close(bool ended, std::function<void(Result<void>)> done) override {
        if (!hosts_) return done({});
        closed_ = std::move(done);
        ended_ = ended;
        again_.cancel();
        patience_.arm(kFarewell, [this] { finish_closing(failure(trouble_)); });
        if (!errand_->running()) resign();
    }

    bool stuck() const override { return errand_ && errand_->running(); }

private:
    void ask(const Call& call) {
        auto started = Errand::start(
            loop_, [this, carry = carry_, call](const Errand::Doing&) -> Errand::Report {
                return [this, answer = carry(call)] { hear(answer); };
            });
        if (!started) return finish(failure(std::move(started).error()));
        errand_.emplace(std::move(*started));
    }

    void hear(const Result<std::string>& answer) {
        if (closed_ && !resigning_) return resign();
        if (!done_ && !hosts_) return;
        if (!answer) return miss(answer.error());
        auto ballot = election_->hear(*answer);
        if (!ballot) return miss(ballot.error());
        heard_ = true;
        std::visit([this](const auto& each) { handle(each); }, *ballot);
    }

    void handle(const Call& call) { ask(call); }

    void handle(const Elected&) {
        again_.arm(kBeat, [this] { ask(election_->keep_alive()); });
        if (hosts_) return;
        hosts_ = true;
        dialer_.reset();
        patience_.cancel();
        Meeting met = meeting(own_, own_.addresses.front());
        met.place = Host{std::move(listener_)};
        finish(std::move(met));
    }

    void handle(const Kept&) {
        again_.arm(kBeat, [this] { ask(election_->keep_alive()); });
    }

    void handle(const Follow& other) {
        if (hosts_) return;  // etcd forgot us for a while, and meanwhile another run has begun
        again_.arm(kUnmet, [this] { ask(election_->watch()); });
        if (dialer_ && other.card == followed_) return;
        followed_ = other.card;
        std::vector<Endpoint> where;
        for (const std::string& address : followed_.addresses)
            where.push_back({address, followed_.port});
        if (where.empty()) return;
        trouble_ = fmt::format(
            "the agent of node {} coordinates, and is not to be reached at {} "
            "port {}",
            followed_.node, join(followed_.addresses, ", "), followed_.port);
        dialer_ = std::make_unique<Dialer>(
            loop_, std::move(where), credentials(followed_), settings_.keep_alive,
            settings_.join_timeout, [this](Result<Session> session) {
                if (session) return enter(std::move(*session));
                finish(failure(
                    std::move(session).error().because("meet the other nodes by " + run_.where)));
            });
    }

    void handle(const Unchanged&) {
        again_.arm(kLook, [this] { ask(election_->look()); });
    }

    void handle(const RunClosed&) {
        if (hosts_) return;
        finish(
            failure(fmt::format("run {} has ended, and cannot be joined again: choose another "
                                "--rdzv-id ({})",
                                self_.credentials.run_id, run_.where)));
    }

    void handle(const Resigned&) { finish_closing({}); }

    void enter(Session session) {
        again_.cancel();
        patience_.cancel();
        listener_.reset();
        Meeting met = meeting(followed_, session.local().host);
        met.place = Guest{std::move(session)};
        finish(std::move(met));
    }

    /// Where etcd has never been heard of, the user is wrong about where it is; later it may have
    /// been restarted.
    void miss(const Error& why) {
        trouble_ = why.text();
        if (resigning_) return finish_closing(failure(trouble_));
        if (!hosts_ && !heard_) {
            return finish(failure(
                fmt::format("ask the etcd of {}: {} (it is to be where etcd listens for clients)",
                            run_.where, trouble_)));
        }
        again_.arm(kLook, [this] { ask(hosts_ ? election_->keep_alive() : election_->look()); });
    }

    void give_up() {
        const std::chrono::duration<double> waited = settings_.join_timeout;
        finish(
            failure(fmt::format("meet the other nodes by {}: no coordinator within {:.3g} s "
                                "(join_timeout): {}",
                                run_.where, waited.count(), trouble_)));
    }

    void resign() {
        resigning_ = true;
        ask(election_->resign(ended_));
    }

    void finish_closing(Result<void> result) {
        patience_.cancel();
        const auto closed = std::exchange(closed_, nullptr);
        if (closed) closed(std::move(result));
    }

    /// Both what etcd shows and what the user may have given to the agents alone.
    Credentials credentials(const BusinessCard& card) const {
        return {self_.credentials.token + "." + card.token, self_.credentials.run_id};
    }

    Meeting meeting(const BusinessCard& coordinator, const std::string& used) const {
        Meeting meeting;
        meeting.credentials = credentials(coordinator);
        meeting.id = self_.id;
        meeting.membership = coordinator::Membership::open;
        meeting.address =
            settings_.local_address.value_or(reachable_address(used, net::interfaces()));
        return meeting;
    }

    void finish(Result<Meeting> result) {
        patience_.cancel();
        if (!hosts_) again_.cancel();
        const auto done = std::exchange(done_, nullptr);
        if (done) done(std::move(result));
    }

    net::Loop& loop_;
    EtcdRun run_;
    Self self_;
    Settings settings_;
    Carry carry_;
    std::function<void(Result<Meeting>)> done_;
    std::function<void(Result<void>)> closed_;
    net::Timer patience_;
    net::Timer again_;
    BusinessCard own_;
    BusinessCard followed_;
    std::optional<net::Listener> listener_;
    std::optional<Election> election_;
    std::unique_ptr<Dialer> dialer_;
    std::optional<Errand> errand_;
    std::string trouble_ = "etcd does not answer";  ///< what the last call met
    bool heard_ = false;                            ///< etcd has answered
    bool hosts_ = false;
    bool ended_ = false;  ///< how closed_ is to end it
    bool resigning_ = false;
};

}  // namespace

std::unique_ptr<Rendezvous> etcd_rendezvous(net::Loop& loop, EtcdRun run, Self self,
                                            Settings settings, Carry carry) {
    return std::make_unique<EtcdRendezvous>(loop, std::move(run), std::move(self),
                                            std::move(settings), std::move(carry));
}

}  // namespace torchelastic::rdzv
