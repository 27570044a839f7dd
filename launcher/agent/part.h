// What part this agent has in the job that it has met: whether others can come, whose word counts,
// what the coordinator is to go by. Pure.
#pragma once

#include <optional>
#include <string>

#include "agent/environment.h"
#include "agent/place.h"
#include "coordinator/coordinator.h"
#include "options/parser.h"
#include "rdzv/rendezvous.h"

namespace torchelastic::agent {

struct Part {
    bool alone = true;         ///< no other node is there, and none can come
    bool own_console = false;  ///< the coordinator's lines are not read where this agent's are
    bool host = true;          ///< this agent coordinates
    /// Another agent takes over if the coordinator's is lost. Only where the members are known by
    /// name: whoever comes later, and may, could not be told where the job went on.
    bool elects = false;
    /// --master-port, where it counts: only the store of --node-rank=0 is looked for there.
    std::optional<std::uint16_t> master_port;
    coordinator::Plan plan;
    std::string folder;                  ///< begins the name of the run's folder of logs
    std::optional<std::string> trouble;  ///< why it cannot be had: there are too few nodes
};

/// `fresh_id` names a run that nobody has named.
Part choose_part(const options::Options& options, const Environment& environment, Place place,
                 const rdzv::Meeting& meeting, const std::string& fresh_id);

}  // namespace torchelastic::agent
