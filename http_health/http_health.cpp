// The module that serves the health port: the only code that links cpp-httplib. It knows nothing of
// the agent but whom to ask.
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/deaf.h"
#include "health/http.h"

namespace {

using torchelastic::health::HttpAnswerer;
using torchelastic::health::HttpModule;

constexpr std::size_t kLongest = 4096;
constexpr auto kPatience = std::chrono::milliseconds(300);
constexpr auto kFarewell = std::chrono::milliseconds(50);  // for an answer that is on its way

in_port_t port_of(const sockaddr_storage& address) {
    return address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                         : reinterpret_cast<const sockaddr_in&>(address).sin_port;
}

/// Ends the connections that came to `port`. The library does not say which these are.
void hang_up(std::uint16_t port) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
        const std::string name = entry.path().filename();
        int fd = -1;
        std::from_chars(name.data(), name.data() + name.size(), fd);
        sockaddr_storage own{};
        sockaddr_storage peer{};
        socklen_t size = sizeof own;
        socklen_t peer_size = sizeof peer;
        if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0) continue;
        if (own.ss_family != AF_INET && own.ss_family != AF_INET6) continue;
        if (ntohs(port_of(own)) != port) continue;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) continue;
        ::shutdown(fd, SHUT_RDWR);
    }
}

/// Everything happens on the one thread that accepts: probes ask seldom and briefly.
class OneThread : public httplib::TaskQueue {
    using Enqueued = decltype(std::declval<httplib::TaskQueue&>().enqueue(nullptr));

public:
    Enqueued enqueue(std::function<void()> task) override {
        task();
        return static_cast<Enqueued>(true);  // bool in newer releases, void in older ones
    }
    void shutdown() override {}
};

class Server {
public:
    explicit Server(const HttpAnswerer& answerer) : answerer_(answerer) {
        const auto answer = [this](const httplib::Request&, httplib::Response& response) {
            char body[kLongest] = "";
            response.status = answerer_.answer(answerer_.context, body, sizeof body);
            response.set_content(body, "application/json");
        };
        server_.Get("/", answer);
        server_.Get("/health", answer);
        server_.new_task_queue = [] { return new OneThread; };
        // The library's own default, SO_REUSEPORT, would share the port with another agent.
        server_.set_socket_options([](int socket) {
            const int yes = 1;
            const int no = 0;
            ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
            ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
        });
        // Whoever connects and says nothing delays others by that.
        server_.set_keep_alive_timeout(1);  // 5 s otherwise, for the first byte, too (0.11)
        server_.set_keep_alive_max_count(1);
        server_.set_payload_max_length(kLongest);
        server_.set_read_timeout(kPatience);
        server_.set_write_timeout(kPatience);
    }

    bool bind(const char* address, std::uint16_t port) {
        port_ = port;
        return server_.bind_to_port(address, port);
    }

    void start() {
        const torchelastic::Deaf deaf;
        thread_ = std::thread([this] {
            server_.listen_after_bind();
            over_.set_value();
        });
        // A server that is told to stop before it runs does not (cpp-httplib 0.11).
        while (!server_.is_running())
            std::this_thread::yield();
    }

    /// The library hears out whoever goes on sending; the end of the job does not wait for that.
    ~Server() {
        if (!thread_.joinable()) return;
        server_.stop();
        const auto over = over_.get_future();
        while (over.wait_for(kFarewell) != std::future_status::ready)
            hang_up(port_);
        thread_.join();
    }

private:
    HttpAnswerer answerer_;
    httplib::Server server_;
    std::uint16_t port_ = 0;
    std::promise<void> over_;
    std::thread thread_;
};

/// A machine without IPv6 has no "::".
void* serve(std::uint16_t port, const HttpAnswerer* answerer, int* why) try {
    for (const char* address : {"::", "0.0.0.0"}) {
        auto server = std::make_unique<Server>(*answerer);
        errno = 0;
        if (!server->bind(address, port)) {
            *why = errno;
            continue;
        }
        server->start();
        return server.release();
    }
    return nullptr;
} catch (const std::system_error& error) {  // no thread is to be had
    *why = error.code().value();
    return nullptr;
}

void end(void* server) {
    delete static_cast<Server*>(server);
}

constexpr HttpModule kModule = {torchelastic::health::kHttpVersion, serve, end};

}  // namespace

extern "C" const HttpModule* torchelastic_http_module() {
    return &kModule;
}
