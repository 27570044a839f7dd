// The agent's connecting side: tries endpoints until one proves to be the coordinator.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "rdzv/session.h"

namespace torchelastic::rdzv {

/// Tries the endpoints in order, again and again with growing pauses (2 ms to 200 ms): the
/// coordinator's agent may start later than this one, and another job may listen where it would
/// have. Calls `done` once, with a proven session that must be taken over with hand_over(), or,
/// after `limit`, with what the attempts met; earlier if an agent of another version stays where
/// the coordinator should be. Destroying it cancels.
class Dialer {
public:
    /// `once`: whoever is to be met listens already, or never will. Each endpoint is tried once.
    Dialer(net::Loop& loop, std::vector<Endpoint> where, Credentials credentials,
           KeepAlive keep_alive, Duration limit, std::function<void(Result<Session>)> done,
           bool once = false);
    ~Dialer();

    /// What the last attempt met, in words; empty before there was one.
    const std::string& trouble() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace torchelastic::rdzv
