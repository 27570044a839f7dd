// The module that posts: the only code of the etcd rendezvous that links cpp-httplib. It knows
// nothing of etcd but that it is asked in JSON.
#include <httplib.h>

#include <chrono>
#include <exception>
#include <string>

#include "rdzv/post.h"

namespace {

using torchelastic::rdzv::PostAnswer;
using torchelastic::rdzv::PostModule;
using torchelastic::rdzv::PostServer;

const char* words(httplib::Error error) {
    switch (error) {
        case httplib::Error::Connection:
            return "no connection";
        case httplib::Error::Read:
            return "the connection ended, or was silent, before there was an answer";
        case httplib::Error::SSLConnection:
            return "TLS could not be set up";
        case httplib::Error::SSLLoadingCerts:
            return "certificates could not be loaded";
        case httplib::Error::SSLServerVerification:
            return "its certificate is not to be trusted (--rdzv-conf ca_cert=FILE)";
        default:
            return nullptr;
    }
}

void post(const PostServer* server, const char* path, const char* body, std::size_t size,
          const PostAnswer* answer) try {
    httplib::Client client(server->url, server->cert, server->key);
    if (!client.is_valid()) return answer->failed(answer->context, "certificate or key is bad");
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
    if (*server->ca_cert != '\0') client.set_ca_cert_path(server->ca_cert);
#endif
    const std::chrono::milliseconds patience(server->patience);
    client.set_connection_timeout(patience);
    client.set_read_timeout(patience);
    client.set_write_timeout(patience);
    const auto result = client.Post(path, std::string(body, size), "application/json");
    if (result) {
        return answer->answered(answer->context, result->status, result->body.data(),
                                result->body.size());
    }
    const char* why = words(result.error());
    answer->failed(answer->context, why ? why : httplib::to_string(result.error()).c_str());
} catch (const std::exception& error) {  // an URL that it does not understand
    answer->failed(answer->context, error.what());
}

constexpr PostModule kModule = {torchelastic::rdzv::kPostVersion, post};

}  // namespace

extern "C" const PostModule* torchelastic_post_module() {
    return &kModule;
}
