// Reading the part off options, place and meeting.
#include "agent/part.h"

#include <variant>

namespace torchelastic::agent {

namespace {

/// How much longer than the workers' grace the coordinator waits for an agent's last word.
constexpr Duration kEndMargin = std::chrono::seconds(45);

std::string run_id(const options::Options& options, const rdzv::Meeting& meeting,
                   const std::string& fresh_id) {
    if (options.rdzv_id != "none" && !options.rdzv_id.empty()) return options.rdzv_id;
    return meeting.credentials.run_id.empty() ? fresh_id : meeting.credentials.run_id;
}

coordinator::Plan plan(const options::Options& options, const Place& place,
                       const rdzv::Meeting& meeting) {
    coordinator::Plan plan;
    plan.membership = meeting.membership;
    plan.expected = meeting.expected;
    plan.min_nodes = place.min_nodes;
    plan.max_nodes = place.max_nodes;
    plan.max_restarts = options.max_restarts;
    plan.join_timeout = options.rdzv_conf.join_timeout;
    plan.last_call_timeout = options.rdzv_conf.last_call_timeout;
    plan.end_timeout = options.shutdown_timeout + kEndMargin;
    return plan;
}

}  // namespace

Part choose_part(const options::Options& options, const Environment& environment, Place place,
                 const rdzv::Meeting& meeting, const std::string& fresh_id) {
    Part part;
    const bool known = meeting.membership == coordinator::Membership::known;
    part.alone = known && meeting.expected.size() == 1;
    part.host = std::holds_alternative<rdzv::Host>(meeting.place);
    if (part.alone || options.node_rank == 0) part.master_port = options.master_port;
    // Under srun all nodes write to one.
    part.own_console = !known && !environment.contains("SLURM_STEP_ID");
    if (known) {
        auto counted = count_nodes(place, options, meeting.expected.size());
        if (!counted) part.trouble = counted.error().text();
    }
    part.plan = plan(options, place, meeting);
    part.elects = known && !part.alone;
    if (part.elects && part.host) part.plan.coordinator = meeting.id;
    part.plan.run_id = run_id(options, meeting, fresh_id);
    // Of nodes with one name between them PMIx' meeting has made several.
    part.folder = part.plan.run_id + (part.alone ? "" : "_" + (known ? meeting.id : place.node));
    return part;
}

}  // namespace torchelastic::agent
