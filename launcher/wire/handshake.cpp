// The handshake: fixed-size fields, so that no decoder runs before the proof.
#include "wire/handshake.h"

#include <sodium.h>

#include <cstdlib>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::wire {

namespace {

constexpr std::size_t kNonceBytes = 32;

std::string hmac(const std::string& token, std::string_view side, std::string_view client_nonce,
                 std::string_view server_nonce, std::string_view run_id) {
    crypto_auth_hmacsha256_state state;
    const auto bytes = [](std::string_view text) {
        return reinterpret_cast<const unsigned char*>(text.data());
    };
    crypto_auth_hmacsha256_init(&state, bytes(token), token.size());
    for (const std::string_view part : {side, client_nonce, server_nonce, run_id}) {
        crypto_auth_hmacsha256_update(&state, bytes(part), part.size());
    }
    std::string mac(crypto_auth_hmacsha256_BYTES, '\0');
    crypto_auth_hmacsha256_final(&state, reinterpret_cast<unsigned char*>(mac.data()));
    return mac;
}

bool same_secret(std::string_view a, std::string_view b) {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::string random_nonce() {
    std::string nonce(kNonceBytes, '\0');
    if (sodium_init() < 0) std::abort();  // no random numbers: nothing could be proven
    randombytes_buf(nonce.data(), nonce.size());
    return nonce;
}

std::string random_hexadecimal(std::size_t bytes) {
    std::string digits;
    for (const char byte : random_nonce().substr(0, bytes)) {
        digits += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    }
    return digits;
}

ClientHandshake::ClientHandshake(std::string token, std::string run_id, std::string nonce)
    : token_(std::move(token)), run_id_(std::move(run_id)), nonce_(std::move(nonce)) {}

std::string ClientHandshake::challenge() const {
    return nonce_ + run_id_;
}

Result<std::string> ClientHandshake::prove(std::string_view answer) const {
    if (answer.size() != kNonceBytes + crypto_auth_hmacsha256_BYTES) {
        return failure("the peer's answer is malformed");
    }
    const std::string_view server_nonce = answer.substr(0, kNonceBytes);
    const std::string expected = hmac(token_, "server", nonce_, server_nonce, run_id_);
    if (!same_secret(answer.substr(kNonceBytes), expected)) {
        return failure("the peer does not hold this job's token");
    }
    return hmac(token_, "client", nonce_, server_nonce, run_id_);
}

ServerHandshake::ServerHandshake(std::string token, std::string run_id, std::string nonce)
    : token_(std::move(token)), run_id_(std::move(run_id)), nonce_(std::move(nonce)) {}

Result<std::string> ServerHandshake::answer(std::string_view challenge) {
    if (challenge.size() < kNonceBytes) return failure("the peer's challenge is malformed");
    if (challenge.substr(kNonceBytes) != run_id_) {
        return failure(fmt::format("the peer belongs to run {}, this is {}",
                                   printable(challenge.substr(kNonceBytes), 64), run_id_));
    }
    client_nonce_ = challenge.substr(0, kNonceBytes);
    return nonce_ + hmac(token_, "server", client_nonce_, nonce_, run_id_);
}

Result<void> ServerHandshake::check(std::string_view proof) const {
    if (!same_secret(proof, hmac(token_, "client", client_nonce_, nonce_, run_id_))) {
        return failure("the peer does not hold this job's token");
    }
    return {};
}

}  // namespace torchelastic::wire
