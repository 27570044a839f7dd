// Choosing a rendezvous, and what it needs to know.
#include "agent/meeting.h"

#include <unistd.h>

#include <cstdint>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/endpoint.h"
#include "base/module.h"
#include "base/text.h"
#include "net/connection.h"
#include "rdzv/endpoint.h"
#include "rdzv/etcd.h"
#include "rdzv/module.h"
#include "rdzv/otherwise.h"
#include "rdzv/pmix.h"
#include "rdzv/slurm.h"
#include "rdzv/stand.h"

namespace torchelastic::agent {

namespace {

using options::Backend;

constexpr std::uint16_t kC10dPort = 29400;  // torchrun's
constexpr std::uint16_t kEtcdPort = 2379;   // etcd's

rdzv::Settings settings(const options::Options& options) {
    rdzv::Settings settings;
    settings.join_timeout = options.rdzv_conf.join_timeout;
    settings.keep_alive = keep_alive(options);
    settings.local_address = options.local_addr;
    settings.port_range = options.rdzv_conf.port_range;
    settings.pmix_timeout = options.rdzv_conf.pmix_timeout;
    return settings;
}

std::vector<std::string> folders_of_modules(const Environment& environment) {
    const auto plugins = environment.find("TORCHELASTIC_PLUGIN_PATH");
    return module_folders(plugins == environment.end() ? "" : plugins->second, program_file());
}

std::unique_ptr<rdzv::Rendezvous> pmix_rendezvous(net::Loop& loop, const Place& place,
                                                  const options::Options& options,
                                                  const Environment& environment,
                                                  std::function<void(const std::string&)> tell) {
    const bool one_each = place.allocation && slurm::one_task_per_node(*place.allocation);
    rdzv::Member member;
    member.node = place.node;
    if (place.allocation) {
        const slurm::Allocation& step = *place.allocation;
        member.run_id = step.run_id;
        member.pause = rdzv::pause_before_pmix(environment);
        if (step.index == 0) member.address = step.address;
        // Without the plugin's word all cards are needed: an address that several have is nobody's.
        if (one_each && !step.address.empty()) member.nodes = step.nodes;
        member.index = step.index;
        member.token = step.token;
        if (step.index == 0 && !step.token.empty()) {
            member.door = [&loop, step, settings = settings(options)] {
                return rdzv::listen_in_step(loop, step, settings);
            };
        }
    }
    auto by_pmix = rdzv::pmix_rendezvous(
        loop, std::move(member), settings(options),
        [folders = folders_of_modules(environment)](const std::string& card, std::uint32_t wanted,
                                                    const auto& doing) {
            return rdzv::exchange_by_module(rdzv::kPmixModule, folders, card, wanted, doing);
        });
    if (!one_each || place.allocation->token.empty()) return by_pmix;
    return rdzv::meet_otherwise(
        std::move(by_pmix),
        [&loop, step = *place.allocation, settings = settings(options)] {
            return rdzv::slurm_rendezvous(loop, step, settings);
        },
        [tell = std::move(tell)](const std::string& why) { tell(why + "; " + kWithoutPmix); });
}

/// Without a token of the user's the run's id is all that agents prove to each other: as much as
/// torchrun asks for.
rdzv::Self self(const Place& place, const options::Options& options,
                const Environment& environment) {
    rdzv::Self self;
    self.id = fmt::format("{}/{}", place.node, ::getpid());
    self.order = place.backend == Backend::fixed ? options.node_rank : 0;
    self.credentials.run_id = options.rdzv_id.empty() ? "none" : options.rdzv_id;
    const auto token = environment.find("TORCHELASTIC_TOKEN");
    self.credentials.token =
        token == environment.end() || token->second.empty() ? "none" : token->second;
    return self;
}

/// The options have been checked, but for a path, which is taken for a host that does not exist.
Endpoint endpoint_or_host(const std::string& text, std::uint16_t port) {
    Endpoint endpoint = parse_endpoint(text, port).value_or(Endpoint{text, port});
    if (endpoint.port == 0) endpoint.port = port;
    return endpoint;
}

rdzv::MeetingPoint endpoint_of_c10d(const options::Options& options) {
    const std::string text = options.rdzv_endpoint.value_or("localhost");
    const Endpoint endpoint = endpoint_or_host(text, kC10dPort);
    const char* const path = options.rdzv_conf.file_store
                                 ? " (agents meet at HOST[:PORT]; store_type=file has no effect)"
                                 : "";
    return {.host = endpoint.host,
            .ports = {endpoint.port},
            .is_host = options.rdzv_conf.is_host,
            .option = "--rdzv-endpoint=" + text + path};
}

/// By the variables of etcdctl: a command line is for everybody to read.
std::pair<std::string, std::string> etcd_user(const Environment& environment) {
    const auto value_of = [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? "" : found->second;
    };
    const std::string user = value_of("ETCDCTL_USER");
    const auto colon = user.find(':');
    if (colon == std::string::npos) return {user, value_of("ETCDCTL_PASSWORD")};
    return {user.substr(0, colon), user.substr(colon + 1)};
}

std::unique_ptr<rdzv::Rendezvous> etcd_rendezvous(net::Loop& loop, const Place& place,
                                                  const options::Options& options,
                                                  const Environment& environment) {
    const std::string text = options.rdzv_endpoint.value_or("localhost");
    const options::EtcdConf& conf = options.rdzv_conf.etcd;
    rdzv::EtcdServers etcd;
    etcd.https = conf.https;
    etcd.ca_cert = conf.ca_cert;
    etcd.cert = conf.cert;
    etcd.key = conf.key;
    std::tie(etcd.user, etcd.password) = etcd_user(environment);
    for (const std::string& each : split(text, ','))
        etcd.servers.push_back(endpoint_or_host(each, kEtcdPort));
    return rdzv::etcd_rendezvous(
        loop, {conf.prefix, place.node, "--rdzv-endpoint=" + text},
        self(place, options, environment), settings(options),
        rdzv::carry_by_module(folders_of_modules(environment), std::move(etcd)));
}

rdzv::MeetingPoint endpoint_of_static(const options::Options& options) {
    const std::string host = options.master_addr.value_or("127.0.0.1");
    return {.membership = coordinator::Membership::ranked,
            .host = host,
            .ports = static_ports(options),
            .is_host = options.node_rank == 0,
            .option = fmt::format("--master-addr={}", host)};
}

}  // namespace

std::unique_ptr<rdzv::Rendezvous> choose_rendezvous(net::Loop& loop, const Place& place,
                                                    const options::Options& options,
                                                    const Environment& environment,
                                                    std::function<void(const std::string&)> tell) {
    switch (place.backend) {
        case Backend::pmix:
            return pmix_rendezvous(loop, place, options, environment, std::move(tell));
        case Backend::slurm:
            return rdzv::slurm_rendezvous(loop, *place.allocation, settings(options));
        case Backend::c10d:
            return rdzv::endpoint_rendezvous(loop, endpoint_of_c10d(options),
                                             self(place, options, environment), settings(options));
        case Backend::etcd:
            return etcd_rendezvous(loop, place, options, environment);
        case Backend::fixed: {
            rdzv::Settings here = settings(options);
            if (options.node_rank == 0) here.local_address = options.master_addr;
            return rdzv::endpoint_rendezvous(loop, endpoint_of_static(options),
                                             self(place, options, environment), std::move(here));
        }
        case Backend::choose:
        case Backend::standalone:
            break;
    }
    return nullptr;
}

Result<net::Listener> open_door(net::Loop& loop, const Place& place,
                                const options::Options& options) {
    return rdzv::listen_for_agents(loop, place.node, settings(options));
}

rdzv::Meeting meet_nobody(const Place& place, const options::Options& options) {
    rdzv::Meeting meeting;
    meeting.id = place.node;
    meeting.address = options.master_addr.value_or(options.local_addr.value_or("127.0.0.1"));
    meeting.expected = {place.node};
    meeting.place = rdzv::Host{};
    return meeting;
}

Result<void> check_address(const options::Options& options, bool alone) {
    const auto check = [](const char* option, const std::optional<std::string>& name) {
        if (!name || is_numeric_address(*name)) return Result<void>();
        auto found = net::resolve(*name);
        if (found) return Result<void>();
        return Result<void>(failure(std::move(found).error().because(option)));
    };
    auto checked = check("--master-addr", options.master_addr);
    if (!checked || (alone && options.master_addr)) return checked;
    return check("--local-addr", options.local_addr);
}

std::string backend_name(const Place& place) {
    switch (place.backend) {
        case Backend::pmix:
            return "pmix";
        case Backend::slurm:
            return "slurm";
        case Backend::c10d:
            return "c10d";
        case Backend::etcd:
            return "etcd";
        case Backend::fixed:
            return "static";
        case Backend::choose:
        case Backend::standalone:
            break;
    }
    return "standalone";
}

rdzv::KeepAlive keep_alive(const options::Options& options) {
    return {options.rdzv_conf.keep_alive_interval, options.rdzv_conf.keep_alive_max_attempt};
}

}  // namespace torchelastic::agent
