// The module that posts, loaded as the agent does it, and a server that the test plays.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/fd.h"
#include "rdzv/courier.h"

namespace torchelastic::rdzv {
namespace {

/// Answers one request with these bytes; then hangs up, or waits until the other side does.
class Server {
public:
    Server(std::string answer, bool hangs_up)
        : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof here;
        auto* address = reinterpret_cast<sockaddr*>(&here);
        EXPECT_EQ(::bind(listener_.get(), address, size), 0);
        EXPECT_EQ(::listen(listener_.get(), 1), 0);
        EXPECT_EQ(::getsockname(listener_.get(), address, &size), 0);
        port_ = ntohs(here.sin_port);
        thread_ = std::thread([this, hangs_up, answer = std::move(answer)] {
            const Fd peer(::accept(listener_.get(), nullptr, nullptr));
            std::string request;
            char buffer[4096];
            while (request.find("{}") == std::string::npos) {
                const auto got = ::read(peer.get(), buffer, sizeof buffer);
                if (got <= 0) return;
                request.append(buffer, static_cast<std::size_t>(got));
            }
            // Who has heard enough hangs up.
            static_cast<void>(::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL));
            while (!hangs_up && ::read(peer.get(), buffer, sizeof buffer) > 0) {
            }
        });
    }
    ~Server() { thread_.join(); }

    Result<std::string> ask(std::uint32_t lines) const {
        EtcdServers etcd;
        etcd.servers = {{"127.0.0.1", port_}};
        return carry_by_module({ETCD_MODULES}, std::move(etcd))({"/v3/watch", "{}", lines});
    }

private:
    Fd listener_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

std::string stream(const std::vector<std::string>& lines, bool ends = false) {
    std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const std::string& line : lines) {
        char size[32];
        std::snprintf(size, sizeof size, "%zx", line.size());
        text += size + ("\r\n" + line) + "\r\n";
    }
    return text + (ends ? "0\r\n\r\n" : "");
}

TEST(EtcdModule, reads_an_answer_to_its_end) {
    const Server server(stream({"one\n", "two\n", "three"}, true), false);
    const auto answer = server.ask(0);
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(*answer, "one\ntwo\nthree");
}

TEST(EtcdModule, reads_no_more_lines_of_a_stream_than_it_was_asked_for) {
    const Server server(stream({"one\n", "two\n", "three\n"}), false);
    const auto answer = server.ask(2);
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(*answer, "one\ntwo\n");
}

TEST(EtcdModule, takes_the_lines_that_there_are_of_a_stream_that_breaks_off) {
    const Server server(stream({"one\n"}), true);
    const auto answer = server.ask(2);
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(*answer, "one\n");
}

TEST(EtcdModule, ends_an_answer_that_does_not) {
    const std::vector<std::string> much(40, std::string(65536, 'x'));
    const Server server(stream(much), false);
    const auto answer = server.ask(0);
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().text().find("longer than etcd's are"), std::string::npos)
        << answer.error().text();
}

TEST(EtcdModule, says_when_there_is_no_answer) {
    for (const std::uint32_t lines : {0U, 2U}) {
        const Server server("", true);
        const auto answer = server.ask(lines);
        ASSERT_FALSE(answer);
        EXPECT_NE(answer.error().text().find("before there was an answer"), std::string::npos)
            << answer.error().text();
    }
}

}  // namespace
}  // namespace torchelastic::rdzv
