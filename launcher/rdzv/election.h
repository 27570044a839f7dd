// Which agent coordinates, as etcd decides it: who first puts its business card under the run's key
// does, for as long as it keeps the key's lease alive; the others read the card. Pure: what etcd
// answered comes in, what to ask it next goes out, in the JSON of its gateway (3.4 and newer).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "base/time.h"
#include "rdzv/business_card.h"

namespace torchelastic::rdzv {

/// One request to etcd.
struct Call {
    std::string path;  ///< "/v3/kv/txn"
    std::string body;
    std::uint32_t lines = 0;  ///< of the answer, that are enough; 0: all there are

    bool operator==(const Call&) const = default;
};

/// The own card stands in etcd.
struct Elected {};
/// Another agent's does.
struct Follow {
    BusinessCard card;
};
/// The run's job has ended.
struct RunClosed {};
/// Nothing has happened for some seconds, or cannot be watched: look again, but not at once.
struct Unchanged {};
/// The lease lives on.
struct Kept {};
/// The own card is out of etcd.
struct Resigned {};

/// What an answer comes to. A call: that is to be asked next.
using Ballot = std::variant<Call, Elected, Follow, RunClosed, Unchanged, Kept, Resigned>;

class Election {
public:
    /// The key of an agent that died is taken for alive for so long.
    static constexpr Duration kLease = std::chrono::seconds(5);
    /// Nobody can join an ended run for so long: torchrun's figure.
    static constexpr Duration kClosed = std::chrono::hours(2);

    /// Two keys: `prefix`/`run_id`/coordinator and .../closed.
    Election(const std::string& prefix, const std::string& run_id, BusinessCard own);

    /// Who coordinates? Ends as Elected, Follow or RunClosed; also asked again, whatever was asked
    /// before and not answered.
    Call look();

    /// Once told whom to follow: is that so no longer? Answered when it changes, or after some
    /// seconds. Ends as look() does, or as Unchanged.
    Call watch();

    /// Once elected, several times within kLease. Ends as Kept, or if the lease was lost, as look()
    /// does.
    Call keep_alive();

    /// Once elected: nobody coordinates any more, and `closed`: nobody ever shall. Ends as
    /// Resigned.
    Call resign(bool closed);

    /// The answer to the last call. An error: this is not how etcd talks.
    Result<Ballot> hear(std::string_view answer);

private:
    enum class Asked { nothing, state, lease, claim, change, beat, last_lease, closing };

    Call ask(Asked what, std::string path, std::string body);
    Call grant(Asked what, Duration life);
    Call claim();
    Call close(const std::string& lease);
    Result<Ballot> read_state(std::string_view closed, std::string_view card);
    Result<Ballot> read_change(std::string_view lines);

    std::string keys_;         ///< what both keys begin with
    std::string revision_;     ///< etcd's, when the keys were read last
    std::string coordinator_;  ///< the keys and the own card, as JSON has them: in base64
    std::string closed_;
    BusinessCard own_;
    std::string own_text_;
    std::string lease_;
    Asked asked_ = Asked::nothing;
};

}  // namespace torchelastic::rdzv
