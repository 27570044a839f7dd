// One server after another.
#include "rdzv/courier.h"

#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/module.h"
#include "base/text.h"
#include "rdzv/post.h"

namespace torchelastic::rdzv {

namespace {

constexpr const char* kEntry = "torchelastic_post_module";
constexpr std::uint32_t kPatience = 5000;
constexpr int kUnauthorized = 401;

/// What HTTP brought; a status of 0: nothing, and why.
struct Reply {
    int status = 0;
    std::string text = "the module has said nothing";

    Result<std::string> read() const {
        return status == 0 ? failure(printable(text, 200)) : read_reply(status, text);
    }
};

class Courier {
public:
    Courier(std::vector<std::string> folders, EtcdServers etcd)
        : folders_(std::move(folders)), etcd_(std::move(etcd)) {}

    Result<std::string> carry(const Call& call) {
        if (module_ == nullptr) {
            auto path = find_module(kEtcdModule, folders_, "it is built where cpp-httplib is");
            if (!path) return failure(std::move(path).error());
            const auto module = load_module<PostModule>(*path, kEntry, kPostVersion);
            if (!module) return failure(module.error());
            module_ = *module;
        }
        std::vector<std::string> troubles;
        for (std::size_t tried = 0; tried < etcd_.servers.size(); ++tried) {
            const std::string url =
                (etcd_.https ? "https://" : "http://") + to_string(etcd_.servers[next_]);
            auto reply = ask(url, call);
            if (reply) return reply;
            troubles.push_back(to_string(etcd_.servers[next_]) + ": " + reply.error().text());
            next_ = (next_ + 1) % etcd_.servers.size();
        }
        return failure(join(troubles, "; "));
    }

private:
    /// etcd forgets tokens after some minutes.
    Result<std::string> ask(const std::string& url, const Call& call) {
        if (etcd_.user.empty()) return post(url, call).read();
        if (!token_.empty()) {
            const Reply reply = post(url, call);
            if (reply.status != kUnauthorized) return reply.read();
        }
        if (auto known = authenticate(url); !known) return failure(std::move(known).error());
        return post(url, call).read();
    }

    Result<void> authenticate(const std::string& url) {
        token_.clear();
        const nlohmann::json words = {{"name", etcd_.user}, {"password", etcd_.password}};
        auto text = post(url, {"/v3/auth/authenticate", words.dump()}).read();
        if (!text) return failure(std::move(text).error().because("log in as " + etcd_.user));
        const auto answer = nlohmann::json::parse(*text, nullptr, false);
        if (answer.is_object()) token_ = answer.value("token", "");
        return {};
    }

    Reply post(const std::string& url, const Call& call) const {
        const PostServer server = {.url = url.c_str(),
                                   .ca_cert = etcd_.ca_cert.c_str(),
                                   .cert = etcd_.cert.c_str(),
                                   .key = etcd_.key.c_str(),
                                   .authorization = token_.c_str(),
                                   .patience = kPatience};
        Reply reply;
        const PostAnswer answer = {
            .context = &reply,
            .answered =
                [](void* context, int status, const char* body, std::size_t size) {
                    *static_cast<Reply*>(context) = {status, std::string(body, size)};
                },
            .failed =
                [](void* context, const char* why) {
                    *static_cast<Reply*>(context) = {0, why};
                }};
        module_->post(&server, call.path.c_str(), call.body.data(), call.body.size(), call.lines,
                      &answer);
        return reply;
    }

    std::vector<std::string> folders_;
    EtcdServers etcd_;
    const PostModule* module_ = nullptr;
    std::size_t next_ = 0;  ///< the server to ask first
    std::string token_;     ///< of the user who has logged in
};

}  // namespace

Carry carry_by_module(std::vector<std::string> folders, EtcdServers etcd) {
    return [courier = std::make_shared<Courier>(std::move(folders), std::move(etcd))](
               const Call& call) { return courier->carry(call); };
}

Result<std::string> read_reply(int status, const std::string& body) {
    if (status == 200) return body;
    const auto answer = nlohmann::json::parse(body, nullptr, false);
    if (answer.is_object() && answer.contains("message") && answer["message"].is_string()) {
        return failure(printable(answer["message"].get<std::string>(), 200));
    }
    return failure(fmt::format(
        "HTTP status {}: this is not the JSON gateway of an etcd 3.4 or newer", status));
}

}  // namespace torchelastic::rdzv
