// Who belongs to a job, and how far each has come. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
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
    std::optional<std::size_t> slot;  ///< its group rank in the last round that it took part in

    Place place() const { return place_; }

private:
    friend class Members;
    Place place_ = Place::joined;  // counted: Members::move() alone changes it
};

/// Counts are kept, not taken: thousands of agents join and get ready one by one, and each time it
/// is asked whether they are all.
class Members {
public:
    /// `expected`: in the allocation's order; empty unless they are known by name. `least`: how
    /// many have to come where they are not.
    Members(Membership membership, std::vector<AgentId> expected, int least);

    /// Why this agent cannot join; nothing if it can.
    std::optional<std::string> refusal(const Card& card) const;

    Member& add(const Card& card);

    void move(Member& member, Place place);

    /// Nothing if it never came, or is gone.
    Member* find(const AgentId& id);

    /// In the order of their names; the gone ones, too.
    std::map<AgentId, Member>& all() { return members_; }
    const std::map<AgentId, Member>& all() const { return members_; }

    int at(Place place) const { return counts_[static_cast<std::size_t>(place)]; }
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
    static constexpr std::size_t kPlaces = 5;

    int& count_of(Place place) { return counts_[static_cast<std::size_t>(place)]; }

    Membership membership_;
    std::vector<AgentId> expected_;
    std::set<AgentId> absent_;  // of those expected, who has not come yet
    int least_;
    std::map<AgentId, Member> members_;
    std::map<int, AgentId> ranked_;  // who of those who are here has which --node-rank
    std::array<int, kPlaces> counts_{};
};

}  // namespace torchelastic::coordinator
