// The module's threads on one side, the loop on the other.
#include "health/port.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>

#include "base/module.h"
#include "health/http.h"

namespace torchelastic::health {

namespace {

constexpr const char* kEntry = "torchelastic_http_module";
constexpr auto kPatience = std::chrono::seconds(1);
constexpr int kOk = 200;
constexpr int kUnavailable = 503;

/// What the threads share with the loop; outlives both sides, for a question may still be queued
/// when the port is closed.
struct Desk {
    std::mutex mutex;
    std::condition_variable changed;
    std::function<Status()> status;  // the loop's; null once the port is closed
    bool closed = false;
    unsigned long asked = 0;
    unsigned long answered = 0;
    std::string answer;
};

void answer_from_loop(Desk& desk, unsigned long question) {
    if (!desk.status) return;
    std::string answer = alive(desk.status());
    const std::lock_guard lock(desk.mutex);
    desk.answer = std::move(answer);
    desk.answered = question;
    desk.changed.notify_all();
}

}  // namespace

struct Port::State {
    State(net::Loop& on, std::function<Status()> status) : loop(on) {
        desk->status = std::move(status);
    }

    /// On a thread of the module's.
    int ask(char* body, std::size_t size) {
        std::unique_lock lock(desk->mutex);
        const unsigned long question = ++desk->asked;
        loop.post([desk = desk, question] { answer_from_loop(*desk, question); });
        desk->changed.wait_for(lock, kPatience,
                               [&] { return desk->closed || desk->answered >= question; });
        const bool heard = desk->answered >= question;
        std::snprintf(body, size, "%s", heard ? desk->answer.c_str() : stuck().c_str());
        return heard ? kOk : kUnavailable;
    }

    void close() {
        {
            const std::lock_guard lock(desk->mutex);
            desk->closed = true;
            desk->status = nullptr;
            desk->changed.notify_all();
        }
        if (server != nullptr) module->end(server);
    }

    net::Loop& loop;
    std::shared_ptr<Desk> desk = std::make_shared<Desk>();
    const HttpModule* module = nullptr;
    void* server = nullptr;
};

Result<Port> Port::open(net::Loop& loop, std::uint16_t port,
                        const std::vector<std::string>& folders, std::function<Status()> status) {
    const auto path = find_module(kModule, folders, "it is built where cpp-httplib's headers are");
    if (!path) return failure(path.error());
    const auto module = load_module<HttpModule>(*path, kEntry, kHttpVersion);
    if (!module) return failure(module.error());
    auto state = std::make_unique<State>(loop, std::move(status));
    state->module = *module;
    const HttpAnswerer answerer = {
        .context = state.get(),
        .answer = [](void* context, char* body,
                     std::size_t size) { return static_cast<State*>(context)->ask(body, size); },
    };
    int why = 0;
    state->server = (*module)->serve(port, &answerer, &why);
    if (state->server == nullptr) {
        const std::string attempt = "listen on port " + std::to_string(port);
        return failure(why == 0 ? Error(attempt) : Error::from_errno(attempt, why));
    }
    return Port(std::move(state));
}

Port::Port(std::unique_ptr<State> state) : state_(std::move(state)) {}
Port::Port(Port&&) noexcept = default;
Port& Port::operator=(Port&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

Port::~Port() {
    if (state_) state_->close();
}

}  // namespace torchelastic::health
