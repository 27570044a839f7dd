// The health port over real HTTP: an answer from the loop, and one where there is none.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "base/fd.h"
#include "health/port.h"

namespace torchelastic::health {
namespace {

Status some_status() {
    return {.state = "running",
            .round = 1,
            .restart_count = 1,
            .workers_running = 2,
            .uptime = std::chrono::milliseconds(1250),
            .last_progress = WallTime{} + std::chrono::milliseconds(1'700'000'000'500)};
}

constexpr const char* kAlive =
    "{\"status\":\"ok\",\"state\":\"running\",\"round\":1,\"restart_count\":1,"
    "\"workers_running\":2,\"uptime_s\":1.25,\"last_progress\":1700000000.5}\n";

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

Fd tcp_socket() {
    return Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/// A port that nobody has at this moment.
std::uint16_t free_port() {
    const Fd socket = tcp_socket();
    auto address = loopback(0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    return ntohs(address.sin_port);
}

/// The status line's code and the body.
std::pair<int, std::string> get(std::uint16_t port, const std::string& path) {
    const Fd socket = tcp_socket();
    const auto address = loopback(port);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return {0, "nobody listens"};
    }
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static_cast<void>(::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL));
    std::string answer;
    char bytes[4096];
    for (ssize_t got = 0; (got = ::recv(socket.get(), bytes, sizeof bytes, 0)) > 0;)
        answer.append(bytes, static_cast<std::size_t>(got));
    const auto head = answer.find("\r\n\r\n");
    if (head == std::string::npos) return {0, answer};
    return {std::stoi(answer.substr(answer.find(' '))), answer.substr(head + 4)};
}

TEST(Health, says_what_the_agent_is_at) {
    EXPECT_EQ(alive(some_status()), kAlive);
    Status early = some_status();
    early.round = -1;
    EXPECT_NE(alive(early).find("\"round\":null"), std::string::npos);
    EXPECT_EQ(stuck(), "{\"status\":\"stuck\"}\n");
}

TEST(Health, takes_no_nonsense_for_a_port) {
    EXPECT_EQ(parse_port("8080").value(), 8080);
    EXPECT_EQ(parse_port(" 1 ").value(), 1);
    EXPECT_EQ(parse_port("65535").value(), 65535);
    for (const char* text :
         {"", "0", "-1", "65536", "http", "80.5", "0x50", "99999999999999999999"})
        EXPECT_FALSE(parse_port(text)) << text;
    EXPECT_EQ(parse_port("ht\ntp").error().text(),
              "TORCHELASTIC_HEALTH_CHECK_PORT='ht\\x0atp' is no port (1 to 65535)");
}

#ifdef HEALTH_MODULES
const std::vector<std::string> kFolders = {HEALTH_MODULES};

TEST(Health, is_answered_by_the_loop) {
    net::Loop loop;
    net::Timer guard(loop);
    guard.arm(std::chrono::seconds(30), [&] { loop.stop(); });
    const std::uint16_t number = free_port();
    const auto port = Port::open(loop, number, kFolders, some_status);
    ASSERT_TRUE(port) << port.error().text();
    for (const auto& [path, code] :
         {std::pair("/health", 200), std::pair("/", 200), std::pair("/etc/passwd", 404)}) {
        std::pair<int, std::string> answer;
        std::thread probe([&, path = path] {
            answer = get(number, path);
            loop.post([&] { loop.stop(); });
        });
        loop.run();
        probe.join();
        EXPECT_EQ(answer.first, code) << path;
        EXPECT_EQ(answer.second == kAlive, code == 200) << answer.second;
    }
}

TEST(Health, of_a_loop_that_does_not_answer_is_bad) {
    net::Loop loop;  // and nobody runs it
    const std::uint16_t number = free_port();
    auto port = Port::open(loop, number, kFolders, some_status);
    ASSERT_TRUE(port) << port.error().text();
    EXPECT_EQ(get(number, "/health"), std::pair(503, stuck()));
}

/// Sends a request that never ends, a line at a time. True if the server hung up, at last.
bool was_cut_off(const Fd& socket) {
    const std::string line = "A: b\r\n";
    for (int lines = 0; lines < 1000; ++lines) {
        pollfd gone{socket.get(), POLLRDHUP, 0};
        if (::poll(&gone, 1, 10) > 0) return true;
        if (::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0) return true;
    }
    return false;
}

TEST(Health, does_not_keep_the_agent_for_a_request_without_end) {
    net::Loop loop;
    const std::uint16_t number = free_port();
    std::optional<Port> port;
    if (auto open = Port::open(loop, number, kFolders, some_status)) port = std::move(*open);
    ASSERT_TRUE(port);
    const Fd socket = tcp_socket();
    const auto address = loopback(number);
    ASSERT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    const std::string begin = "GET / HTTP/1.1\r\n";
    ASSERT_GT(::send(socket.get(), begin.data(), begin.size(), MSG_NOSIGNAL), 0);
    bool cut_off = false;
    std::thread dripping([&] { cut_off = was_cut_off(socket); });
    port.reset();
    dripping.join();
    EXPECT_TRUE(cut_off);
}

TEST(Health, has_one_server_for_a_port_and_leaves_it_in_the_end) {
    net::Loop loop;
    const std::uint16_t number = free_port();
    for (int turn = 0; turn < 20; ++turn) {  // a server may be ended as soon as it is begun
        auto port = Port::open(loop, number, kFolders, some_status);
        ASSERT_TRUE(port) << port.error().text();
        const auto second = Port::open(loop, number, kFolders, some_status);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().text(),
                  "listen on port " + std::to_string(number) + ": address already in use");
    }
    EXPECT_EQ(get(number, "/health").first, 0);
}
#endif

TEST(Health, without_its_module_says_so) {
    net::Loop loop;
    const auto port = Port::open(loop, 1, {"/nonexistent"}, some_status);
    ASSERT_FALSE(port);
    EXPECT_EQ(port.error().text(),
              "there is no health_http.so in /nonexistent (TORCHELASTIC_PLUGIN_PATH names other "
              "folders); it is built where cpp-httplib's headers are");
}

}  // namespace
}  // namespace torchelastic::health
