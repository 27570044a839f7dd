// How this agent is to meet the others, as options and place have it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/environment.h"
#include "agent/place.h"
#include "base/result.h"
#include "net/loop.h"
#include "options/parser.h"
#include "rdzv/rendezvous.h"

namespace torchelastic::agent {

/// Null where there is nobody to meet. `tell` hears of a way to meet that failed, where there is
/// another.
std::unique_ptr<rdzv::Rendezvous> choose_rendezvous(net::Loop& loop, const Place& place,
                                                    const options::Options& options,
                                                    const Environment& environment,
                                                    std::function<void(const std::string&)> tell);

/// What there is to know then.
rdzv::Meeting meet_nobody(const Place& place, const options::Options& options);

/// Where others call this agent, should it have to coordinate.
Result<net::Listener> open_door(net::Loop& loop, const Place& place,
                                const options::Options& options);

/// Fails if a name under which workers may have to find the store, --master-addr or --local-addr,
/// means nothing here: they would try for minutes.
Result<void> check_address(const options::Options& options, bool alone);

/// "pmix", "slurm", "c10d", "etcd", "static", "standalone".
std::string backend_name(const Place& place);

rdzv::KeepAlive keep_alive(const options::Options& options);

}  // namespace torchelastic::agent
