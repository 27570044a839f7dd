// Meeting by what Slurm says of the step.
#include "rdzv/slurm.h"

#include <fmt/format.h>

#include "rdzv/dialer.h"
#include "slurm/ports.h"

namespace torchelastic::rdzv {

namespace {

/// Enough that a free one is found among other jobs of the node, few enough to try in no time.
constexpr std::size_t kPorts = 8;

std::vector<std::uint16_t> ports(const slurm::Allocation& allocation, const Settings& settings) {
    slurm::PortRange range;
    if (settings.port_range) range = {settings.port_range->first, settings.port_range->second};
    return slurm::port_sequence(allocation.run_id, kPorts, range);
}

class SlurmRendezvous : public Rendezvous {
public:
    SlurmRendezvous(net::Loop& loop, slurm::Allocation allocation, Settings settings)
        : loop_(loop), allocation_(std::move(allocation)), settings_(std::move(settings)) {}

    void meet(std::function<void(Result<Meeting>)> done) override {
        done_ = std::move(done);
        if (allocation_.nodes.size() == 1) return finish(alone());
        if (allocation_.token.empty()) {
            return finish(failure(
                "the step has no token, by which agents know each other: start it with srun "
                "--torchelastic, or set TORCHELASTIC_TOKEN to the same secret on all nodes"));
        }
        auto address = first_address();
        if (!address) return finish(failure(std::move(address).error()));
        if (allocation_.index == 0) return finish(host(*address));
        call(*address);
    }

    std::string trouble() const override { return dialer_ ? dialer_->trouble() : std::string(); }

private:
    Result<std::string> first_address() const {
        if (allocation_.index == 0 && settings_.local_address) return *settings_.local_address;
        if (!allocation_.address.empty()) return allocation_.address;
        auto found = net::resolve(allocation_.nodes.front());
        if (!found) {
            return failure(std::move(found).error().because(
                "find the address of the step's first node (the Slurm plugin hands it on; without "
                "it the name must resolve)"));
        }
        return found->front();
    }

    Meeting meeting() const {
        Meeting meeting;
        meeting.credentials = {allocation_.token, allocation_.run_id};
        meeting.id = allocation_.node;
        meeting.order = static_cast<int>(allocation_.index);
        meeting.expected = allocation_.nodes;
        return meeting;
    }

    Result<Meeting> alone() const {
        Meeting meeting = this->meeting();
        meeting.address = settings_.local_address.value_or("127.0.0.1");
        meeting.place = Host{};
        return meeting;
    }

    Result<Meeting> host(const std::string& address) const {
        auto listener = listen_in_step(loop_, allocation_, settings_);
        if (!listener) return failure(std::move(listener).error());
        Meeting meeting = this->meeting();
        meeting.address = address;
        meeting.place = Host{std::move(*listener)};
        return meeting;
    }

    void call(const std::string& address) {
        std::vector<Endpoint> where;
        for (const std::uint16_t port : ports(allocation_, settings_))
            where.push_back({address, port});
        dialer_ = std::make_unique<Dialer>(
            loop_, std::move(where), meeting().credentials, settings_.keep_alive,
            settings_.join_timeout, [this](Result<Session> session) {
                if (!session) {
                    return finish(failure(std::move(session).error().because(
                        "meet the agent of node " + allocation_.nodes.front())));
                }
                Meeting meeting = this->meeting();
                meeting.address = settings_.local_address.value_or(session->local().host);
                meeting.place = Guest{std::move(*session)};
                finish(std::move(meeting));
            });
    }

    void finish(Result<Meeting> result) {
        const auto done = std::move(done_);
        done_ = nullptr;
        if (done) done(std::move(result));
    }

    net::Loop& loop_;
    slurm::Allocation allocation_;
    Settings settings_;
    std::function<void(Result<Meeting>)> done_;
    std::unique_ptr<Dialer> dialer_;
};

}  // namespace

Result<net::Listener> listen_in_step(net::Loop& loop, const slurm::Allocation& allocation,
                                     const Settings& settings) {
    std::string trouble;
    const auto sequence = ports(allocation, settings);
    for (const std::uint16_t port : sequence) {
        auto listener = net::Listener::open(loop, "", port);
        if (listener) return listener;
        trouble = listener.error().text();
    }
    return failure(
        fmt::format("none of the {} ports for the coordinator is free on node {} "
                    "(--port-range=LOW-HIGH gives others): {}",
                    sequence.size(), allocation.node, trouble));
}

std::unique_ptr<Rendezvous> slurm_rendezvous(net::Loop& loop, slurm::Allocation allocation,
                                             Settings settings) {
    return std::make_unique<SlurmRendezvous>(loop, std::move(allocation), std::move(settings));
}

}  // namespace torchelastic::rdzv
