// Meeting by business cards.
#include "rdzv/pmix.h"

#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "rdzv/business_card.h"
#include "rdzv/dialer.h"
#include "rdzv/errand.h"
#include "rdzv/roll.h"
#include "rdzv/stand.h"

namespace torchelastic::rdzv {

namespace {

/// How long an address is tried alone before the next one is tried beside it.
constexpr Duration kHeadStart = std::chrono::milliseconds(250);

constexpr Duration kSlurmPause = std::chrono::milliseconds(100);

constexpr std::string_view kSlurmNamespace = "slurm.pmix.";

/// A launcher's name for a job, fit to be a part of paths.
std::string as_run_id(const std::string& name, const std::string& random) {
    std::string id = name.substr(0, 64);
    for (char& c : id) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '.' || c == '-';
        if (!plain) c = '_';
    }
    return id + "." + random.substr(0, 8);
}

class PmixRendezvous : public Rendezvous {
public:
    PmixRendezvous(net::Loop& loop, Member member, Settings settings, Exchange exchange)
        : loop_(loop),
          member_(std::move(member)),
          settings_(std::move(settings)),
          exchange_(std::move(exchange)),
          patience_(loop),
          head_start_(loop) {}

    void meet(std::function<void(Result<Meeting>)> done) override {
        done_ = std::move(done);
        auto listener =
            member_.door ? member_.door() : listen_for_agents(loop_, member_.node, settings_);
        if (!listener) return finish(failure(std::move(listener).error()));
        listener_.emplace(std::move(*listener));
        auto written = write_card(member_.node, member_.address, listener_->port(), settings_);
        if (!written) return finish(failure(std::move(written).error()));
        if (!member_.token.empty()) written->token = member_.token;
        own_card_ = std::move(*written);
        if (member_.pause == Duration::zero()) return ask();
        patience_.arm(member_.pause, [this] { ask(); });
    }

    bool stuck() const override { return errand_ && errand_->running(); }

private:
    void ask() {
        const std::uint32_t wanted = member_.nodes.empty() ? 0 : 1;
        auto started = Errand::start(loop_,
                                     [this, exchange = exchange_, card = encode(own_card_),
                                      wanted](const Errand::Doing& doing) -> Errand::Report {
                                         return [this, result = exchange(card, wanted, doing)] {
                                             hear(result);
                                         };
                                     });
        if (!started) return finish(failure(std::move(started).error()));
        errand_.emplace(std::move(*started));
        patience_.arm(settings_.pmix_timeout, [this] { give_up(); });
    }

    void hear(const Result<Exchanged>& result) {
        if (!done_) return;  // it came too late
        patience_.cancel();
        if (auto met = meet_at(result); !met) finish(failure(std::move(met).error()));
    }

    double patience() const {
        return std::chrono::duration<double>(settings_.pmix_timeout).count();
    }

    void give_up() {
        std::string why = fmt::format(
            "no answer from PMIx within {:.3g} s (--rdzv-conf pmix_timeout=SECONDS): "
            "still {}",
            patience(), errand_->step());
        if (!member_.run_id.empty()) {
            why +=
                " (if Slurm complained of 'Munge decode failed', it lost a message: "
                "SLURM_PMIX_DIRECT_CONN=false in the environment of srun avoids that)";
        }
        finish(failure(std::move(why)));
    }

    Result<void> meet_at(const Result<Exchanged>& exchanged) {
        const auto fail = [](Error error) {
            return failure(std::move(error).because("exchange business cards through PMIx"));
        };
        if (!exchanged) return fail(exchanged.error());
        auto roll = call_roll(*exchanged);
        if (!roll) return fail(std::move(roll).error());
        cards_ = std::move(roll->agents);
        if (!member_.nodes.empty()) {
            know_all(exchanged->rank);
        } else if (roll->own) {
            meeting_.order = static_cast<int>(*roll->own);
            for (const BusinessCard& card : cards_)
                meeting_.expected.push_back(card.node);
        } else {
            meeting_.place = Surplus{std::move(roll->surplus)};
            finish(std::move(meeting_));
            return {};
        }
        meeting_.id = meeting_.expected[static_cast<std::size_t>(meeting_.order)];
        const BusinessCard& first = cards_.front();
        meeting_.credentials = {first.token, member_.run_id.empty()
                                                 ? as_run_id(exchanged->name, first.run)
                                                 : member_.run_id};
        addresses_ = distinct_addresses(cards_, 0);
        if (meeting_.expected.size() > 1 && addresses_.empty()) {
            return fail(
                Error(fmt::format("node {} has no address that others could reach (it has "
                                  "{}): give one by --local-addr",
                                  first.node, join(first.addresses, ", "))));
        }
        exchanged->rank == 0 ? host() : call();
        return {};
    }

    /// The step has told who takes part. Of the cards the first one counts, and this agent's own
    /// for what both of them call their own.
    void know_all(std::uint32_t rank) {
        if (rank != 0) cards_.push_back(own_card_);
        meeting_.order = static_cast<int>(member_.index);
        meeting_.expected = member_.nodes;
    }

    void host() {
        const std::string own = addresses_.empty() ? "127.0.0.1" : addresses_.front();
        meeting_.address = settings_.local_address.value_or(own);
        Host host;
        if (meeting_.expected.size() > 1) host.listener = std::move(listener_);
        meeting_.place = std::move(host);
        finish(std::move(meeting_));
    }

    /// The first agent has been listening since before it handed out its card: it can only be late
    /// in hearing of the others, or gone.
    void call() {
        listener_.reset();
        patience_.arm(settings_.pmix_timeout, [this] {
            dialers_.clear();
            head_start_.cancel();
            finish(failure(fmt::format(
                "meet the agent of node {} (PMIx rank 0): not found at {} port {} within {:.3g} s "
                "(--rdzv-conf pmix_timeout=SECONDS)",
                cards_.front().node, join(addresses_, ", "), cards_.front().port, patience())));
        });
        call_next();
    }

    /// Tries one more of the first agent's addresses beside those that are being tried.
    void call_next() {
        dialers_.push_back(std::make_unique<Dialer>(
            loop_, std::vector<Endpoint>{{addresses_[dialers_.size()], cards_.front().port}},
            meeting_.credentials, settings_.keep_alive, settings_.join_timeout,
            [this](Result<Session> session) {
                session ? enter(std::move(*session)) : miss(session.error().text());
            }));
        if (dialers_.size() == addresses_.size()) return;
        head_start_.arm(kHeadStart, [this] { call_next(); });
    }

    void enter(Session session) {
        patience_.cancel();
        head_start_.cancel();
        meeting_.address = settings_.local_address.value_or(session.local().host);
        meeting_.place = Guest{std::move(session)};
        finish(std::move(meeting_));
    }

    void miss(std::string why) {
        misses_.push_back(std::move(why));
        if (misses_.size() < addresses_.size()) return;
        patience_.cancel();
        finish(failure(fmt::format("meet the agent of node {} (PMIx rank 0): {}",
                                   cards_.front().node, join(misses_, "; "))));
    }

    void finish(Result<Meeting> result) {
        if (!result) listener_.reset();  // whoever tries otherwise may want the port
        const auto done = std::move(done_);
        done_ = nullptr;
        if (done) done(std::move(result));
    }

    net::Loop& loop_;
    Member member_;
    Settings settings_;
    Exchange exchange_;
    std::function<void(Result<Meeting>)> done_;
    std::optional<net::Listener> listener_;
    net::Timer patience_;
    std::optional<Errand> errand_;

    Meeting meeting_;
    BusinessCard own_card_;
    std::vector<BusinessCard> cards_;
    std::vector<std::string> addresses_;  ///< where the first agent may be reached
    net::Timer head_start_;
    std::vector<std::unique_ptr<Dialer>> dialers_;
    std::vector<std::string> misses_;
};

}  // namespace

Result<std::optional<slurm::Allocation>> pmix_step(const slurm::Environment& environment) {
    const auto name = environment.find("PMIX_NAMESPACE");
    if (name == environment.end() || name->second.empty() || !environment.contains("PMIX_RANK")) {
        return failure(
            "--rdzv-backend=pmix: not started under a PMIx launcher: use srun --mpi=pmix, mpirun "
            "or prterun");
    }
    if (!name->second.starts_with(kSlurmNamespace)) return std::nullopt;
    auto step = slurm::read_allocation(environment);
    if (!step) return step;
    const std::string own =
        *step ? fmt::format("{}{}.{}", kSlurmNamespace, (*step)->job_id, (*step)->step_id) : "";
    if (name->second == own) return step;
    return failure(
        fmt::format("--rdzv-backend=pmix: PMIX_NAMESPACE={} was inherited, {}: use srun --mpi=pmix",
                    printable(name->second, 64),
                    *step ? fmt::format("this is step {}.{}", (*step)->job_id, (*step)->step_id)
                          : "this is no task of a Slurm step"));
}

Duration pause_before_pmix(const slurm::Environment& environment) {
    const auto direct = environment.find("SLURM_PMIX_DIRECT_CONN");
    // Where nobody has set it, the plugin did, and took it out of the task's environment.
    const bool off = direct == environment.end() ? environment.contains("TORCHELASTIC_STEP_SCRIPT")
                                                 : direct->second == "false";
    return off ? Duration::zero() : kSlurmPause;
}

bool meets_by_pmix(const slurm::Environment& environment) {
    const auto value_of = [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? std::string() : found->second;
    };
    const auto step = pmix_step(environment);
    if (!step) return false;
    // What mpirun left behind for an srun is not what started the plugin's agent.
    if (!*step) return value_of("TORCHELASTIC_STEP_SCRIPT").empty();
    const bool asked = value_of("SLURM_MPI_TYPE").starts_with("pmix");
    const bool has_token = !(*step)->token.empty() || !value_of("TORCHELASTIC_TOKEN").empty();
    return (*step)->nodes.size() > 1 && (asked || !has_token);
}

std::unique_ptr<Rendezvous> pmix_rendezvous(net::Loop& loop, Member member, Settings settings,
                                            Exchange exchange) {
    return std::make_unique<PmixRendezvous>(loop, std::move(member), std::move(settings),
                                            std::move(exchange));
}

}  // namespace torchelastic::rdzv
