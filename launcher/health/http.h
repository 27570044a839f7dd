// What the agent and the module with the HTTP server say to each other: plain functions and plain
// data, so that the module shares no library of ours with the program. Includes nothing of ours.
#pragma once

#include <cstddef>
#include <cstdint>

namespace torchelastic::health {

/// Goes up with every change of this file.
constexpr std::uint32_t kHttpVersion = 1;

/// Who answers.
struct HttpAnswerer {
    void* context;

    /// Called from the server's threads, until HttpModule::end has returned: writes JSON of less
    /// than `size` bytes, with a 0 at its end, to `body` and returns the HTTP status.
    int (*answer)(void* context, char* body, std::size_t size);
};

/// What the module offers.
struct HttpModule {
    std::uint32_t version;  ///< kHttpVersion of the module's build

    /// Answers GET /health and GET / on a port of all addresses of this machine, from threads of
    /// its own, until end(). Returns what end() wants, or null if it cannot listen, with an errno
    /// (or 0) in `why`.
    void* (*serve)(std::uint16_t port, const HttpAnswerer* answerer, int* why);

    void (*end)(void* server);
};

}  // namespace torchelastic::health

/// The one symbol that the module has. Never null.
extern "C" const torchelastic::health::HttpModule* torchelastic_http_module();
