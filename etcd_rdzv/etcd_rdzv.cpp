// The module that posts: the only code of the etcd rendezvous that links cpp-httplib. It knows
// nothing of etcd but that it is asked in JSON.
#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>

#include "rdzv/post.h"

namespace {

using torchelastic::rdzv::PostAnswer;
using torchelastic::rdzv::PostModule;
using torchelastic::rdzv::PostServer;

constexpr int kOk = 200;
constexpr std::size_t kLongest = 1U << 20;

const char* words(httplib::Error error) {
    switch (error) {
        case httplib::Error::Connection:
            return "no connection";
        case httplib::Error::Read:
            return "the connection ended, or was silent, before there was an answer";
        case httplib::Error::Canceled:
            return "the answer is longer than etcd's are: somebody else listens there";
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
          std::uint32_t lines, const PostAnswer* answer) try {
    httplib::Client client(server->url, server->cert, server->key);
    if (!client.is_valid()) return answer->failed(answer->context, "certificate or key is bad");
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
    if (*server->ca_cert != '\0') client.set_ca_cert_path(server->ca_cert);
#endif
    const std::chrono::milliseconds patience(server->patience);
    client.set_connection_timeout(patience);
    client.set_read_timeout(patience);
    client.set_write_timeout(patience);
    httplib::Request request;
    request.method = "POST";
    request.path = path;
    request.body.assign(body, size);
    request.set_header("Content-Type", "application/json");
    if (*server->authorization != '\0') {
        request.set_header("Authorization", server->authorization);
    }
    int status = 0;
    std::string text;
    request.response_handler = [&](const httplib::Response& response) {
        status = response.status;
        return true;
    };
    request.content_receiver = [&](const char* data, std::size_t length, auto, auto) {
        text.append(data, length);
        const bool more = lines == 0 || std::count(text.begin(), text.end(), '\n') < lines;
        return more && text.size() <= kLongest;
    };
    const auto result = client.send(request);
    // cpp-httplib 0.11 stumbles over the trailers that etcd sends behind its errors.
    const bool refused = status != 0 && status != kOk;
    const bool begun = lines != 0 && !text.empty();
    if (result || refused || begun) {
        return answer->answered(answer->context, status, text.data(), text.size());
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
