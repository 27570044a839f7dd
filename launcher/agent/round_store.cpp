// Opening and closing the workers' store.
#include "agent/round_store.h"

#include <algorithm>
#include <utility>

#include "base/endpoint.h"
#include "net/host.h"

namespace torchelastic::agent {

RoundStore::RoundStore(net::Loop& loop, report::Log& log, const options::Options& options,
                       const Environment& environment, std::string address, bool alone)
    : loop_(loop),
      log_(log),
      by_rank0_(rank0_serves_store(options.worker_store, environment)),
      port_(options.master_port),
      address_(std::move(address)),
      alone_(alone),
      lets_all_in_(!alone && !knows_all_clients(options.local_addr, net::interfaces())) {
    if (options.rdzv_conf.port_range) range_.emplace(*options.rdzv_conf.port_range);
}

Result<coordinator::Ready> RoundStore::prepare() {
    close();
    auto ready = port_ || !range_ ? open(port_.value_or(0))
                                  : range_->open([this](std::uint16_t port) { return open(port); });
    if (ready) return ready;
    Error error =
        std::move(ready).error().because("open the workers' store on node " + net::host_name());
    if (!port_) return failure(std::move(error));
    return failure(
        error.text() +
        " (--master-addr and --master-port say where; without them a free port is taken)");
}

Result<coordinator::Ready> RoundStore::open(std::uint16_t port) {
    return by_rank0_ ? reserve(port) : serve(port);
}

Result<coordinator::Ready> RoundStore::reserve(std::uint16_t port) {
    auto reserved = net::ReservedPort::open(port);
    if (!reserved) return failure(std::move(reserved).error());
    reserved_ = std::move(*reserved);
    return coordinator::Ready{reserved_->port(), false};
}

Result<coordinator::Ready> RoundStore::serve(std::uint16_t port) {
    // Who calls a single node by a name (--master-addr) leaves it to the resolver on which of its
    // addresses the workers come.
    const bool one_address = alone_ && is_numeric_address(address_);
    auto server = store::Server::open(loop_, one_address ? address_ : "", port,
                                      [this](const std::string& line) { log_.warning(line); });
    if (!server) return failure(std::move(server).error());
    server_ = std::move(*server);
    return coordinator::Ready{server_->port(), true};
}

// torch's clients can prove no more than where they come from.
void RoundStore::begin(const coordinator::Assignment& assignment) {
    if (assignment.group_rank != 0) return close();
    if (!server_) return;
    if (!lets_all_in_) {
        std::vector<std::string> members = assignment.members;
        if (!is_numeric_address(address_)) {
            for (const net::Interface& each : net::interfaces())
                members.push_back(each.address);
        }
        members.insert(members.end(), {"127.0.0.1", "::1"});
        server_->allow(members);
    }
    server_->start();
}

void RoundStore::close() {
    server_.reset();
    reserved_.reset();
}

bool knows_all_clients(const std::optional<std::string>& local_addr,
                       const std::vector<net::Interface>& interfaces) {
    if (!local_addr) return true;
    const std::string address = plain_address(*local_addr);
    return std::any_of(interfaces.begin(), interfaces.end(), [&](const net::Interface& each) {
        return each.address == address && !each.link_local;
    });
}

bool rank0_serves_store(options::WorkerStore asked, const Environment& base) {
    if (asked != options::WorkerStore::automatic) return asked == options::WorkerStore::rank0;
    const auto says = [&](const char* name, const char* value) {
        const auto found = base.find(name);
        return found != base.end() && found->second == value;
    };
    return says("USE_LIBUV", "0") || says("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1");
}

}  // namespace torchelastic::agent
