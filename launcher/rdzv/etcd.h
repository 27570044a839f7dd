// The etcd backend: who first puts its business card under the run's key coordinates, the others
// dial it with the token on the card. The key lives by a lease, which the coordinator's agent keeps
// alive; where it dies before the others have met it they elect again. etcd is needed to meet: a
// job that runs goes on without it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "rdzv/courier.h"
#include "rdzv/endpoint.h"
#include "rdzv/rendezvous.h"

namespace torchelastic::rdzv {

/// The run's place in etcd.
struct EtcdRun {
    std::string prefix;  ///< of the keys: "/torchelastic"
    std::string node;    ///< the host's name
    std::string where;   ///< what the user calls etcd, for messages: "--rdzv-endpoint=..."
};

/// Runs of `self.credentials.run_id` with the same token meet; the token is the user's, or the same
/// for all. `carry` is called on threads of its own, of which the last may outlive the rendezvous:
/// see stuck().
std::unique_ptr<Rendezvous> etcd_rendezvous(net::Loop& loop, EtcdRun run, Self self,
                                            Settings settings, Carry carry);

}  // namespace torchelastic::rdzv
