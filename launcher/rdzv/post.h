// What the agent and the module that speaks HTTP say to each other: plain functions and plain data,
// so that the module shares no library of ours with the program that loads it. Includes nothing of
// ours.
#pragma once

#include <cstddef>
#include <cstdint>

namespace torchelastic::rdzv {

/// Goes up with every change of this file.
constexpr std::uint32_t kPostVersion = 3;

/// Whom to ask.
struct PostServer {
    const char* url;      ///< "http://host:port" or "https://host:port"
    const char* ca_cert;  ///< files in PEM; "" is the system's, and for the next two none
    const char* cert;
    const char* key;
    const char* authorization;  ///< the header of this name; "": none
    std::uint32_t patience;  ///< milliseconds, for the connection and for each part of the answer
};

/// How a module answers: by one of these, from the thread that called post(), before that returns.
/// What a pointer points to is valid during the call only.
struct PostAnswer {
    void* context;
    void (*answered)(void* context, int status, const char* body, std::size_t size);
    void (*failed)(void* context, const char* why);  ///< one line for people
};

/// What a module offers.
struct PostModule {
    std::uint32_t version;  ///< kPostVersion of the module's build

    /// POSTs `body`, which is JSON, and blocks until there is an answer. With `lines`, of an answer
    /// that may never end: until there are so many lines of it, or no more have come within the
    /// patience. May be called from several threads at once.
    void (*post)(const PostServer* server, const char* path, const char* body, std::size_t size,
                 std::uint32_t lines, const PostAnswer* answer);
};

}  // namespace torchelastic::rdzv

/// The one symbol that a module has. Never null.
extern "C" const torchelastic::rdzv::PostModule* torchelastic_post_module();
