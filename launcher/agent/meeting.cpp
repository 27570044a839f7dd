// Choosing a rendezvous, and what it needs to know.
#include "agent/meeting.h"

#include <utility>

#include "base/endpoint.h"
#include "base/module.h"
#include "net/connection.h"
#include "rdzv/module.h"
#include "rdzv/pmix.h"
#include "rdzv/slurm.h"

namespace torchelastic::agent {

namespace {

rdzv::Settings settings(const options::Options& options) {
    rdzv::Settings settings;
    settings.join_timeout = options.rdzv_conf.join_timeout;
    settings.keep_alive = keep_alive(options);
    settings.local_address = options.local_addr;
    settings.port_range = options.rdzv_conf.port_range;
    settings.pmix_timeout = options.rdzv_conf.pmix_timeout;
    return settings;
}

std::unique_ptr<rdzv::Rendezvous> pmix_rendezvous(net::Loop& loop, const Place& place,
                                                  const options::Options& options,
                                                  const Environment& environment) {
    rdzv::Member member;
    member.node = place.node;
    if (place.allocation) {
        member.run_id = place.allocation->run_id;
        member.pause = rdzv::kSlurmPause;
        if (place.allocation->index == 0) member.address = place.allocation->address;
    }
    const auto plugins = environment.find("TORCHELASTIC_PLUGIN_PATH");
    auto folders =
        module_folders(plugins == environment.end() ? "" : plugins->second, program_file());
    return rdzv::pmix_rendezvous(
        loop, std::move(member), settings(options),
        [folders = std::move(folders)](const std::string& card, const auto& doing) {
            return rdzv::exchange_by_module(rdzv::kPmixModule, folders, card, doing);
        });
}

}  // namespace

std::unique_ptr<rdzv::Rendezvous> choose_rendezvous(net::Loop& loop, const Place& place,
                                                    const options::Options& options,
                                                    const Environment& environment) {
    if (options.rdzv_backend == options::Backend::pmix) {
        return pmix_rendezvous(loop, place, options, environment);
    }
    if (place.allocation) return rdzv::slurm_rendezvous(loop, *place.allocation, settings(options));
    return nullptr;
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
    const bool local = alone && !options.master_addr;
    const auto& name = local ? options.local_addr : options.master_addr;
    if (!name || is_numeric_address(*name)) return {};
    auto found = net::resolve(*name);
    if (found) return {};
    return failure(std::move(found).error().because(local ? "--local-addr" : "--master-addr"));
}

std::string backend_name(const Place& place, const options::Options& options) {
    if (options.rdzv_backend == options::Backend::pmix) return "pmix";
    return place.allocation ? "slurm" : "standalone";
}

rdzv::KeepAlive keep_alive(const options::Options& options) {
    return {options.rdzv_conf.keep_alive_interval, options.rdzv_conf.keep_alive_max_attempt};
}

}  // namespace torchelastic::agent
