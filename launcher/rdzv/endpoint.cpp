// Deciding who listens, and listening or dialling.
#include "rdzv/endpoint.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "net/host.h"
#include "rdzv/dialer.h"
#include "rdzv/own_addresses.h"

namespace torchelastic::rdzv {

namespace {

constexpr Duration kLeastPause = std::chrono::milliseconds(20);
constexpr Duration kMorePause = std::chrono::milliseconds(100);

bool is_loopback(const std::string& address) {
    return address.starts_with("127.") || address == "::1";
}

class EndpointRendezvous : public Rendezvous {
public:
    EndpointRendezvous(net::Loop& loop, MeetingPoint point, Self self, Settings settings)
        : loop_(loop),
          point_(std::move(point)),
          self_(std::move(self)),
          settings_(std::move(settings)),
          interfaces_(net::interfaces()),
          again_(loop) {}

    void meet(std::function<void(Result<Meeting>)> done) override {
        done_ = std::move(done);
        auto found = net::resolve(point_.host);
        if (!found) {
            return finish(failure(std::move(found).error().because(
                fmt::format("{}: find the node where the agents meet", point_.option))));
        }
        const auto own = std::find_if(found->begin(), found->end(),
                                      [this](const auto& each) { return is_own(each); });
        if (point_.is_host.value_or(own != found->end())) {
            own_ = own != found->end() ? *own : "127.0.0.1";
            auto met = host();
            if (met || point_.is_host) return finish(std::move(met));
            try_again_later();
        }
        call(*found);
    }

    std::string trouble() const override { return dialer_ ? dialer_->trouble() : std::string(); }

private:
    bool is_own(const std::string& address) const {
        return is_loopback(address) ||
               std::any_of(interfaces_.begin(), interfaces_.end(),
                           [&](const net::Interface& each) { return each.address == address; });
    }

    Meeting meeting(const std::string& used) const {
        Meeting meeting;
        meeting.credentials = self_.credentials;
        meeting.id = self_.id;
        meeting.order = self_.order;
        meeting.membership = point_.membership;
        meeting.address = settings_.local_address.value_or(reachable_address(used, interfaces_));
        return meeting;
    }

    /// Of two agents that begin to listen at the same instant the kernel refuses both; and who
    /// holds the port may be the last job's, about to end.
    void try_again_later() {
        const auto pause = kLeastPause + Duration(std::random_device()() % kMorePause.count());
        again_.arm(pause, [this] {
            auto met = host();
            if (!met) return try_again_later();
            dialer_.reset();
            finish(std::move(met));
        });
    }

    Result<Meeting> host() const {
        std::string trouble;
        for (const std::uint16_t port : point_.ports) {
            auto listener = net::Listener::open(loop_, "", port);
            if (listener) {
                Meeting meeting = this->meeting(own_);
                meeting.place = Host{std::move(*listener)};
                return meeting;
            }
            trouble = listener.error().text();
        }
        return failure(fmt::format("{}: {}", point_.option, trouble));
    }

    void call(const std::vector<std::string>& addresses) {
        std::vector<Endpoint> where;
        for (const std::string& address : addresses) {
            for (const std::uint16_t port : point_.ports)
                where.push_back({address, port});
        }
        dialer_ = std::make_unique<Dialer>(
            loop_, std::move(where), self_.credentials, settings_.keep_alive,
            settings_.join_timeout, [this](Result<Session> session) {
                if (!session) {
                    return finish(failure(std::move(session).error().because(fmt::format(
                        "{}: meet the other nodes at {}", point_.option, point_.host))));
                }
                Meeting meeting = this->meeting(session->local().host);
                meeting.place = Guest{std::move(*session)};
                finish(std::move(meeting));
            });
    }

    void finish(Result<Meeting> result) {
        again_.cancel();
        const auto done = std::exchange(done_, nullptr);
        if (done) done(std::move(result));
    }

    net::Loop& loop_;
    MeetingPoint point_;
    Self self_;
    Settings settings_;
    std::vector<net::Interface> interfaces_;
    std::function<void(Result<Meeting>)> done_;
    std::unique_ptr<Dialer> dialer_;
    std::string own_;  ///< the address of ours at which agents are to meet
    net::Timer again_;
};

}  // namespace

std::unique_ptr<Rendezvous> endpoint_rendezvous(net::Loop& loop, MeetingPoint point, Self self,
                                                Settings settings) {
    return std::make_unique<EndpointRendezvous>(loop, std::move(point), std::move(self),
                                                std::move(settings));
}

std::string reachable_address(const std::string& used,
                              const std::vector<net::Interface>& interfaces) {
    if (!is_loopback(used)) return used;
    const std::vector<std::string> better = own_addresses(interfaces);
    return better.empty() ? used : better.front();
}

}  // namespace torchelastic::rdzv
