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
            auto reply = ask(etcd_.servers[next_], call);
            if (reply) return reply;
            troubles.push_back(to_string(etcd_.servers[next_]) + ": " + reply.error().text());
            next_ = (next_ + 1) % etcd_.servers.size();
        }
        return failure(join(troubles, "; "));
    }

private:
    Result<std::string> ask(const Endpoint& endpoint, const Call& call) const {
        const std::string url = (etcd_.https ? "https://" : "http://") + to_string(endpoint);
        const PostServer server = {.url = url.c_str(),
                                   .ca_cert = etcd_.ca_cert.c_str(),
                                   .cert = etcd_.cert.c_str(),
                                   .key = etcd_.key.c_str(),
                                   .patience = kPatience};
        Result<std::string> reply = failure("the module has said nothing");
        const PostAnswer answer = {
            .context = &reply,
            .answered =
                [](void* context, int status, const char* body, std::size_t size) {
                    *static_cast<Result<std::string>*>(context) =
                        read_reply(status, std::string(body, size));
                },
            .failed =
                [](void* context, const char* why) {
                    *static_cast<Result<std::string>*>(context) = failure(printable(why, 200));
                }};
        module_->post(&server, call.path.c_str(), call.body.data(), call.body.size(), &answer);
        return reply;
    }

    std::vector<std::string> folders_;
    EtcdServers etcd_;
    const PostModule* module_ = nullptr;
    std::size_t next_ = 0;  ///< the server to ask first
};

}  // namespace

Carry carry_by_module(std::vector<std::string> folders, EtcdServers etcd) {
    return [courier = std::make_shared<Courier>(std::move(folders), std::move(etcd))](
               const Call& call) { return courier->carry(call); };
}

Result<std::string> read_reply(int status, std::string body) {
    if (status == 200) return body;
    const auto answer = nlohmann::json::parse(body, nullptr, false);
    if (answer.is_object() && answer.contains("message") && answer["message"].is_string()) {
        return failure(printable(answer["message"].get<std::string>(), 200));
    }
    return failure(fmt::format(
        "HTTP status {}: this is not the JSON gateway of an etcd 3.4 or newer", status));
}

}  // namespace torchelastic::rdzv
