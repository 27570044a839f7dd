// Holds the workers' store against torch's own server with libtorch's C++ client, the one that a
// worker's Gloo and NCCL use below Python: every operation that the installed libtorch has gives
// the same from both; waits, watches and many clients at once work with ours.
//
//     store_libtorch STORE_SERVER
#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/version.h>

namespace {

using Bytes = std::vector<std::uint8_t>;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Store = c10d::TCPStore;
using Client = c10::intrusive_ptr<Store>;

int failures = 0;

void check(bool condition, const std::string& what) {
    if (condition) return;
    ++failures;
    std::printf("FAILED: %s\n", what.c_str());
}

Bytes bytes(const std::string& text) {
    return {text.begin(), text.end()};
}

std::string text(const Bytes& value) {
    return {value.begin(), value.end()};
}

// --- servers and clients ------------------------------------------------------------------------

/// Debian's torch is built without libuv, and then refuses options that want it.
template <class Options>
void without_libuv(Options& options) {
    if constexpr (requires { options.useLibUV; }) options.useLibUV = false;
}

Client connect(std::uint16_t port, std::size_t world = 0) {
    c10d::TCPStoreOptions options;
    options.port = port;
    if (world > 0) options.numWorkers = world;
    options.timeout = seconds(30);
    without_libuv(options);
    return c10::make_intrusive<Store>("127.0.0.1", options);
}

/// torch's own server, in this process.
class Stock {
public:
    Stock() {
        c10d::TCPStoreOptions options;
        options.port = 0;
        options.isServer = true;
        options.waitWorkers = false;
        without_libuv(options);
        store_ = c10::make_intrusive<Store>("127.0.0.1", options);
    }
    std::uint16_t port() const { return store_->getPort(); }

private:
    Client store_;
};

class Ours {
public:
    explicit Ours(const char* program) {
        int in[2];
        int out[2];
        if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) std::abort();
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(in[0], STDIN_FILENO);
            ::dup2(out[1], STDOUT_FILENO);
            ::execl(program, program, nullptr);
            std::_Exit(127);
        }
        ::close(in[0]);
        ::close(out[1]);
        input_ = in[1];
        std::FILE* said = ::fdopen(out[0], "r");
        unsigned port = 0;
        if (std::fscanf(said, "%u", &port) != 1) std::printf("%s does not serve\n", program);
        std::fclose(said);
        port_ = static_cast<std::uint16_t>(port);
    }
    ~Ours() {
        ::close(input_);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        check(status == 0, "our server ended with status " + std::to_string(status));
    }
    Ours(Ours&&) = delete;
    std::uint16_t port() const { return port_; }

private:
    pid_t pid_ = 0;
    int input_ = -1;
    std::uint16_t port_ = 0;
};

// --- the same results from both
// -------------------------------------------------------------------

/// What a call gives, as text; "refused" where it throws.
template <class Call>
std::string result(Call call) {
    try {
        using Value = decltype(call());
        if constexpr (std::is_void_v<Value>) {
            call();
            return "done";
        } else if constexpr (std::is_same_v<Value, Bytes>) {
            return "'" + text(call()) + "'";
        } else {
            return std::to_string(call());
        }
    } catch (const std::exception&) {
        return "refused";
    }
}

const std::string kLong(8000, 'k');
const std::string kBig(3'000'000, 'x');

std::string every_byte() {
    std::string all(256, '\0');
    std::iota(all.begin(), all.end(), '\0');
    return all;
}

std::vector<std::string> many_keys() {
    std::vector<std::string> keys;
    for (int i = 0; i < 5000; ++i)
        keys.push_back("many" + std::to_string(i));
    return keys;
}

struct Step {
    const char* what;
    std::function<std::string(Store&, Store&)> run;
};

// clang-format off
#define STEP(...)                                                                        \
    {#__VA_ARGS__, [](Store& a, Store& b) -> std::string {                               \
         static_cast<void>(a), static_cast<void>(b);                                     \
         return result([&] { return __VA_ARGS__; });                                     \
     }}
// clang-format on

const Step kSteps[] = {
    STEP(a.set("k", bytes("value"))),
    STEP(b.get("k")),
    STEP(a.set("k", bytes("another"))),
    STEP(b.get("k")),
    STEP(a.set("empty", {})),
    STEP(b.get("empty")),
    STEP(a.set("", bytes("no key"))),
    STEP(b.get("")),
    STEP(a.set(every_byte(), bytes(every_byte()))),
    STEP(b.get(every_byte())),
    STEP(a.set(kLong, bytes(kBig))),
    STEP(b.get(kLong)),
    STEP(a.add("n", 5)),
    STEP(b.add("n", -7)),
    STEP(a.get("n")),
    STEP(a.set("n", bytes("40"))),
    STEP(b.add("n", 2)),
    STEP(a.add("n", 0)),
    STEP(a.compareSet("c", {}, bytes("first"))),
    STEP(b.compareSet("c", bytes("other"), bytes("second"))),
    STEP(b.compareSet("c", bytes("first"), bytes("third"))),
    STEP(a.compareSet("absent", bytes("expected"), bytes("desired"))),
    STEP(a.check({"n"})),
    STEP(a.check({"n", "absent"})),
    STEP(a.check({})),
    STEP(a.getNumKeys()),
    STEP(b.deleteKey("k")),
    STEP(b.deleteKey("k")),
    STEP(a.check({"k"})),
    STEP(a.getNumKeys()),
    STEP(a.wait({"n", "c", "empty"})),
    STEP(a.wait({"n", "n"}, milliseconds(1000))),
    STEP(a.wait({})),
    STEP(a.wait({"never"}, milliseconds(1000))),
    STEP(a.add("n", 1)),
    STEP(b.setTimeout(milliseconds(1000))),
    STEP(b.get("never")),
    STEP(b.add("n", 1)),
    STEP(b.setTimeout(milliseconds(30000))),
    STEP(b.get("n")),
};

/// Operations that came after torch 1.13, in their own words where this libtorch has them.
template <class S>
std::vector<std::pair<std::string, std::string>> newer_steps(S& a, S& b) {
    std::vector<std::pair<std::string, std::string>> results;
    const auto note = [&](const char* what, std::string got) {
        results.emplace_back(what, std::move(got));
    };
    const auto joined = [](const std::vector<Bytes>& values) {
        std::string all;
        for (const Bytes& value : values)
            all += "'" + text(value) + "' ";
        return bytes(all);
    };
    if constexpr (requires { a.append("k", Bytes()); }) {
        note("append", result([&] { a.append("appended", bytes("one")); }));
        note("append", result([&] { b.append("appended", bytes("two")); }));
        note("get", result([&] { return b.get("appended"); }));
    }
    if constexpr (requires { a.multiGet({}); }) {
        const std::vector<std::string> keys = many_keys();
        const std::vector<Bytes> values(keys.size(), bytes("value"));
        note("multiSet", result([&] { a.multiSet({"m1", "m2"}, {bytes("v1"), {}}); }));
        note("multiGet", result([&] { return joined(b.multiGet({"m2", "m1", "n"})); }));
        note("multiSet of many", result([&] { a.multiSet(keys, values); }));
        note("multiGet of many", result([&] { return joined(b.multiGet(keys)); }));
        note("wait for many", result([&] { b.wait(keys); }));
        note("hasExtendedApi", result([&] { return int{a.hasExtendedApi()}; }));
    }
    if constexpr (requires { a.queuePush("q", Bytes()); }) {
        note("queuePush", result([&] { a.queuePush("q", bytes("one")); }));
        note("queuePush", result([&] { b.queuePush("q", {}); }));
        note("queueLen", result([&] { return b.queueLen("q"); }));
        note("queuePop", result([&] { return b.queuePop("q", true); }));
        note("queuePop", result([&] { return a.queuePop("q", false); }));
        note("queuePop of nothing", result([&] { return a.queuePop("q", false); }));
    }
    if constexpr (requires { a.listKeys(); }) {
        note("listKeys", result([&] { return a.listKeys().size(); }));
    }
    if constexpr (requires { a.barrier("b", std::int64_t{1}, milliseconds(1)); }) {
        note("barrier", result([&] { a.barrier("alone", std::int64_t{1}, milliseconds(5000)); }));
        note("get", result([&] { return b.get("alone"); }));
    }
    return results;
}

std::vector<std::pair<std::string, std::string>> all_steps(std::uint16_t port) {
    const Client a = connect(port);
    const Client b = connect(port);
    std::vector<std::pair<std::string, std::string>> results;
    for (const Step& step : kSteps)
        results.emplace_back(step.what, step.run(*a, *b));
    for (auto& each : newer_steps(*a, *b))
        results.push_back(std::move(each));
    return results;
}

void same_results(const char* program) {
    const auto stock = all_steps(Stock().port());
    const Ours server(program);
    const auto ours = all_steps(server.port());
    for (std::size_t i = 0; i < stock.size(); ++i) {
        check(stock[i].second == ours[i].second, stock[i].first + ": torch's server gives " +
                                                     stock[i].second.substr(0, 100) + ", ours " +
                                                     ours[i].second.substr(0, 100));
    }
    check(stock[1].second == "'value'", "torch's own server works: " + stock[1].second);
    std::printf("%zu steps compared\n", stock.size());
}

// --- several at once -----------------------------------------------------------------------------

/// Waits that another client ends, one after the other; and one that comes too late, which torch
/// <= 2.0's own server answers all the same, into the next answer.
void waits(const char* program) {
    const Ours server(program);
    const Client setter = connect(server.port());
    const Client waiter = connect(server.port());
    for (int i = 0; i < 50; ++i) {
        const std::string key = "turn" + std::to_string(i);
        std::string got;
        std::thread thread([&] { got = result([&] { return waiter->get(key); }); });
        setter->set(key, bytes(key));
        thread.join();
        check(got == "'" + key + "'", "a get that waited for " + key + " gave " + got);
    }
    setter->set("other", bytes("value"));
    check(result([&] { waiter->wait({"late"}, milliseconds(1000)); }) == "refused",
          "a wait for nothing ended");
    waiter->add("n", 1);
    setter->set("late", bytes("1"));
    setter->add("n", 1);  // answered, so that the server has executed the SET
    check(result([&] { return waiter->get("other"); }) == "'value'",
          "a get after a wait that timed out gave something else");
}

/// Every rank of a world counts, shows itself to all and looks at all.
void many_clients(const char* program) {
    constexpr std::size_t kWorld = 32;
    constexpr int kTurns = 100;
    const Ours server(program);
    std::vector<std::thread> ranks;
    std::vector<std::string> troubles(kWorld);
    for (std::size_t rank = 0; rank < kWorld; ++rank) {
        ranks.emplace_back([&, rank] {
            troubles[rank] = result([&] {
                const Client client = connect(server.port(), kWorld);
                for (int i = 0; i < kTurns; ++i)
                    client->add("sum", static_cast<std::int64_t>(rank));
                client->set("rank" + std::to_string(rank), bytes(std::to_string(rank)));
                for (std::size_t other = 0; other < kWorld; ++other) {
                    const Bytes said = client->get("rank" + std::to_string(other));
                    if (text(said) != std::to_string(other)) throw std::runtime_error("other");
                }
            });
        });
    }
    for (std::thread& rank : ranks)
        rank.join();
    for (const std::string& trouble : troubles)
        check(trouble == "done", "a rank was " + trouble);
    const Client last = connect(server.port());
    check(last->add("sum", 0) == kTurns * kWorld * (kWorld - 1) / 2, "the sum of all ranks");
    check(last->getNumKeys() == kWorld + 2, "a key for each rank, the sum, and torch's init/");
}

/// torch <= 2.0: what a watcher of a key is told, by either server.
std::vector<std::string> watched(Store& watcher, Store& setter) {
    std::mutex mutex;
    std::condition_variable news;
    std::vector<std::string> told;
    const auto words = [](const auto& value) { return value ? "'" + *value + "'" : "nothing"; };
    watcher.watchKey("w", [&](auto before, auto after) {
        const std::lock_guard lock(mutex);
        told.push_back(words(before) + " -> " + words(after));
        news.notify_one();
    });
    setter.set("w", bytes("1"));
    setter.add("w", 5);
    setter.compareSet("w", bytes("6"), bytes("seven"));
    setter.set("unwatched", bytes("1"));
    setter.deleteKey("w");
    setter.set("w", {});
    std::unique_lock lock(mutex);
    news.wait_for(lock, seconds(20), [&] { return told.size() >= 5; });
    return told;
}

void watches(const char* program) {
    // Later ones have the method, and throw.
    if constexpr (TORCH_VERSION_MAJOR * 100 + TORCH_VERSION_MINOR <= 200) {
        const auto run = [](std::uint16_t port) {
            const Client watcher = connect(port);
            const Client setter = connect(port);
            return watched(*watcher, *setter);
        };
        const auto stock = run(Stock().port());
        const Ours server(program);
        check(stock.size() == 5, "torch's own watches tell of five changes");
        check(run(server.port()) == stock, "a watcher is told the same by both servers");
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::fprintf(stderr, "usage: store_libtorch STORE_SERVER\n");
        return 2;
    }
    std::printf("libtorch %s\n", TORCH_VERSION);
    same_results(arguments[1]);
    waits(arguments[1]);
    many_clients(arguments[1]);
    watches(arguments[1]);
    std::printf("%s\n", failures == 0 ? "passed" : "FAILED");
    std::fflush(stdout);
    std::_Exit(failures == 0 ? 0 : 1);  // threads of clients may still be about
}
