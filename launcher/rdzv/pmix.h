// The pmix backend: the launcher (srun --mpi=pmix, mpirun, prterun) passes business cards around.
// Every agent opens a listener and hands out a card that says where; rank 0's is the coordinator's,
// and the token on it is the job's: the launcher shows cards to this job's processes only. Neither
// a plugin, nor a name that resolves, nor a port to agree on is needed.
//
// PMIx is used once, for this. Its calls block, and cannot be cancelled while a rank is missing:
// they run on a thread of their own, and an agent that has waited long enough ends without it.
//
// Slurm 22.05 loses a message of the exchange where one node has tasks while another is still
// launching its own: that node's slurmstepd acts as the user meanwhile, and cannot tell who
// connects ("Munge decode failed"; on 4 nodes with 2 cores 11 of 120 steps). Not where the plugin
// has it send everything through slurmd (SLURM_PMIX_DIRECT_CONN=false: none of 200). Without the
// plugin an agent pauses before it asks Slurm (none of 160), and a loss ends in a message that says
// what to do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rdzv/module.h"
#include "rdzv/rendezvous.h"
#include "slurm/allocation.h"

namespace torchelastic::rdzv {

/// The module that exchanges cards through PMIx.
constexpr const char* kPmixModule = "rdzv_pmix.so";

/// The Slurm step whose PMIx started this process; nothing where another launcher did, even if that
/// runs inside Slurm. An error that says what to do if none did, or if the PMIX_* variables are
/// another step's, inherited. Pure.
Result<std::optional<slurm::Allocation>> pmix_step(const slurm::Environment& environment);

/// How long an agent of Slurm's is to wait before it asks: how far apart the nodes' tasks start.
/// Nothing where no message can be lost. Pure.
Duration pause_before_pmix(const slurm::Environment& environment);

/// Whether agents that were told nothing meet through PMIx: where another launcher than Slurm
/// started this process; and on several nodes of a step that was told --mpi=pmix or has no token,
/// without which the slurm backend does not meet. Pure.
bool meets_by_pmix(const slurm::Environment& environment);

/// Hands out a card and returns those of the first `wanted` ranks, 0 for all; blocks. `doing` may
/// be called from any thread, with a text that lives for ever.
using Exchange =
    std::function<Result<Exchanged>(const std::string& card, std::uint32_t wanted,
                                    const std::function<void(const char* step)>& doing)>;

/// What an agent knows of itself.
struct Member {
    std::string node;
    std::string address;  ///< numeric, where others reach it; empty: one of its interfaces'
    std::string run_id;   ///< Slurm's; empty: made of the launcher's name and a random part
    Duration pause{};     ///< before the exchange
    /// The nodes of a step that has one task on each and tells where the first is, in order, and
    /// this one's place: then only the first agent's card is asked for. Empty: cards tell the
    /// nodes.
    std::vector<std::string> nodes{};
    std::size_t index = 0;
    /// The secret that all agents have beforehand; empty: rank 0's card brings one.
    std::string token{};
    /// Opens the door at which this agent, should it coordinate, is looked for by those whose PMIx
    /// failed; none: any port will do.
    std::function<Result<net::Listener>()> door{};
};

/// `exchange` is called once, on a thread of its own, which may outlive the rendezvous: see
/// stuck().
std::unique_ptr<Rendezvous> pmix_rendezvous(net::Loop& loop, Member member, Settings settings,
                                            Exchange exchange);

}  // namespace torchelastic::rdzv
