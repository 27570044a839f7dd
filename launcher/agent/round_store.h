// Where the workers of a round meet, if this node has its first rank: a c10d store of the agent's,
// or a port that is kept for worker rank 0.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/environment.h"
#include "base/result.h"
#include "coordinator/messages.h"
#include "net/host.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/port_range.h"
#include "options/parser.h"
#include "report/log.h"
#include "store/server.h"

namespace torchelastic::agent {

/// Every round has a store of its own, on a port of its own unless the user chose one
/// (--master-port, a small --port-range): what a straggler of the last round still says cannot be
/// heard, and the port is bound before anyone is told of it.
class RoundStore {
public:
    /// `address`: the node's, as the workers are told it. `alone`: there is no other node.
    RoundStore(net::Loop& loop, report::Log& log, const options::Options& options,
               const Environment& environment, std::string address, bool alone);

    /// Takes a port for the next round, and lets go of the last round's.
    Result<coordinator::Ready> prepare();

    /// Lets the round's nodes in, if this is the node that was chosen; lets go of the port if not.
    void begin(const coordinator::Assignment& assignment);

    void close();

private:
    Result<coordinator::Ready> open(std::uint16_t port);
    Result<coordinator::Ready> reserve(std::uint16_t port);
    Result<coordinator::Ready> serve(std::uint16_t port);

    net::Loop& loop_;
    report::Log& log_;
    bool by_rank0_;
    std::optional<std::uint16_t> port_;
    std::optional<net::PortRange> range_;
    std::string address_;
    bool alone_;
    bool lets_all_in_;
    std::optional<store::Server> server_;
    std::optional<net::ReservedPort> reserved_;
};

/// Whether the workers of other nodes come from addresses that their agents have told. They do
/// where this node is called by an address of its own. They may not where --local-addr is one that
/// somebody translates, of whom the workers' connections then come, or a name, of which only a
/// resolver knows that, or link-local: agents do not tell of those.
bool knows_all_clients(const std::optional<std::string>& local_addr,
                       const std::vector<net::Interface>& interfaces);

/// Whether worker rank 0 serves the store instead of its agent: as asked for, by option or by
/// torchrun's TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1, and by itself where USE_LIBUV=0 says that torch
/// lacks libuv: it then refuses even to be a client of a store that it does not host itself.
bool rank0_serves_store(options::WorkerStore asked, const Environment& base);

}  // namespace torchelastic::agent
