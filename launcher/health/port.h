// The health port: other threads ask, the loop answers, or is found not to.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "health/status.h"
#include "net/loop.h"

namespace torchelastic::health {

constexpr const char* kModule = "health_http.so";

/// Answers GET /health on a port of all addresses: probes come from outside, and nothing that is
/// said is secret. 200 if the loop answers within a second, else 503.
class Port {
public:
    /// `status` is called from the loop. The module is looked for in `folders`.
    static Result<Port> open(net::Loop& loop, std::uint16_t port,
                             const std::vector<std::string>& folders,
                             std::function<Status()> status);

    /// Whoever waits for an answer gets it at once.
    ~Port();
    Port(Port&&) noexcept;
    Port& operator=(Port&&) noexcept;

private:
    struct State;
    explicit Port(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace torchelastic::health
