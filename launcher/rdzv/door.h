// The coordinator's listening side: lets in those who prove that they belong to the run.
#pragma once

#include <functional>
#include <memory>

#include "net/listener.h"
#include "rdzv/session.h"

namespace torchelastic::rdzv {

/// Accepts connections and shakes hands; peers that prove nothing within the keep-alive limit, or
/// prove wrong, are closed. So is the eldest of more than many thousands that are at it at once.
class Door {
public:
    /// One line for each peer that was turned away, and one if there are no descriptors for more.
    /// `news`: it is that, or the peer is an agent, of another version or torchrun's, and the first
    /// such from its host.
    using Complain = std::function<void(const std::string& line, bool news)>;

    /// `entered` gets proven sessions; it must take them over with hand_over().
    Door(net::Loop& loop, net::Listener listener, Credentials credentials, KeepAlive keep_alive,
         std::function<void(Session)> entered, Complain complain);
    ~Door();

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace torchelastic::rdzv
