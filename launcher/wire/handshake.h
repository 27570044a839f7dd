// Proof, by both sides, that they hold the job's token, before either believes a word of the other:
// HMAC-SHA256 over the two sides' nonces, the run id and the side's own name. Pure but for the
// nonce, which the caller draws.
//
//     client -> server   preamble, challenge {nonce C, run id}
//     server -> client   preamble, answer    {nonce S, HMAC(token, "server" C S run)}
//     client -> server             proof     {HMAC(token, "client" C S run)}
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace torchelastic::wire {

/// 32 bytes that nobody can guess.
std::string random_nonce();

/// The first `bytes` of such a nonce, at most 32, in hexadecimal digits.
std::string random_hexadecimal(std::size_t bytes);

/// The side that connected.
class ClientHandshake {
public:
    ClientHandshake(std::string token, std::string run_id, std::string nonce);

    /// The payload to send first.
    std::string challenge() const;

    /// Checks the server's answer; the payload to send back. The server is proven then.
    Result<std::string> prove(std::string_view answer) const;

private:
    std::string token_;
    std::string run_id_;
    std::string nonce_;
};

/// The side that was connected to.
class ServerHandshake {
public:
    ServerHandshake(std::string token, std::string run_id, std::string nonce);

    /// The payload that answers a challenge. A challenge for another run is an error that says so.
    Result<std::string> answer(std::string_view challenge);

    /// Checks the client's proof. The client is proven if there is no error.
    Result<void> check(std::string_view proof) const;

private:
    std::string token_;
    std::string run_id_;
    std::string nonce_;
    std::string client_nonce_;
};

}  // namespace torchelastic::wire
