// Who belongs to a job, and how far each has come. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/formation.h"
#include "coordinator/messages.h"

namespace torchelastic::coordinator {

/// How the coordinator knows who is to come.
enum class Membership {
    known,   ///< by name, before anyone comes: Slurm's and PMIx' nodes
    ranked,  ///< by place only: torchrun's static, where each brings its --node-rank
    open,    ///< not at all: c10d and etcd, where whoever knows the run may come
};

enum class Place {
    joined,    ///< said hello; its workers, if any, are being stopped
    ready,     ///< can take part in a round
    assigned,  ///< takes part in the current round
    leaving,   ///< told to go; its workers, if any, are being stopped
    gone,      ///< lost, left or ended: it never comes back
};

struct Member {
    Card card;
    Ready ready;
    Place place = Place::joined;
    std::optional<std::size_t> slot;  ///< its group rank in the last round that it took part in
};

class Members {
public:
    /// `expected`: in the allocation's order; empty unless they are known by name. `least`: how
    /// many have to come where they are not.
    Members(Membership membership, std::vector<AgentId> expected, int least);

    /// Why this agent cannot join; nothing if it can.
    std::optional<std::string> refusal(const Card& card) const;

    Member& add(const Card& card);

    /// Nothing if it never came, or is gone.
    Member* find(const AgentId& id);

    /// In the order of their names; the gone ones, too.
    std::map<AgentId, Member>& all() { return members_; }
    const std::map<AgentId, Member>& all() const { return members_; }

    int at(Place place) const;
    int here() const;  ///< neither leaving nor gone

    /// How many have not come yet of those that must.
    int never_came() const;

    /// Nobody of those who are here has anything left to stop.
    bool all_settled() const;

    /// "n2, n3", "node rank 1", "1 more node": whom a round waits for; empty if for nobody.
    std::string awaited() const;

    /// Those who are ready, in the order of their group ranks in the next round, at most `most`.
    /// Survivors keep their order; newcomers and spares take the places of the lost, then those
    /// behind; in the first round all follow the order of their cards.
    std::vector<Candidate> line_up(std::size_t most) const;

private:
    Membership membership_;
    std::vector<AgentId> expected_;
    int least_;
    std::map<AgentId, Member> members_;
};

}  // namespace torchelastic::coordinator
