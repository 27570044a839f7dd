// Replays what real torch clients said to torch's own server, one byte at a time, and expects the
// same answers: from the sessions, and from the server over its sockets. How the traces came to be:
// tests/conformance/record_trace.py.
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include <gtest/gtest.h>

#include "net/loop.h"
#include "store/server.h"
#include "store/sessions.h"

namespace torchelastic::store {
namespace {

std::string from_hex(std::istream& words) {
    std::string bytes;
    std::string word;
    while (words >> word) {
        unsigned value = 256;
        const auto parsed = std::from_chars(word.data(), word.data() + word.size(), value, 16);
        EXPECT_TRUE(parsed.ptr == word.data() + word.size() && value < 256) << word;
        bytes.push_back(static_cast<char>(value));
    }
    return bytes;
}

/// The store without sockets.
class InMemory {
public:
    std::string& answers(ClientId client) { return answers_[client]; }
    const std::map<ClientId, std::string>& settle() { return answers_; }
    void wait_for(ClientId, std::size_t) {}

    void say(ClientId client, const std::string& bytes) {
        for (const char byte : bytes) {
            const Step step = sessions_.receive(client, std::string_view(&byte, 1), Instant());
            for (const Send& send : step.sends) {
                answers_[send.client] += send.bytes;
            }
            for (const Drop& drop : step.drops) {
                ADD_FAILURE() << "dropped connection " << drop.client << ": " << drop.why;
            }
        }
    }

private:
    Sessions sessions_;
    std::map<ClientId, std::string> answers_;
};

/// The store over loopback, on the test's own thread: each byte is sent, and the server's turn
/// comes.
class OverSockets {
public:
    OverSockets() {
        auto open = Server::open(loop_, "127.0.0.1", 0,
                                 [](const std::string& line) { ADD_FAILURE() << line; });
        EXPECT_TRUE(open);
        server_ = std::move(*open);
        server_->start();
    }

    std::string& answers(ClientId client) { return answers_[client]; }

    const std::map<ClientId, std::string>& settle() {
        flush();
        turn();
        return answers_;
    }

    void say(ClientId client, const std::string& bytes) {
        // What another connection said before must be with the server first.
        if (client != last_) flush();
        last_ = client;
        const int fd = socket_of(client);
        for (const char& byte : bytes) {
            EXPECT_EQ(::send(fd, &byte, 1, MSG_NOSIGNAL), 1);
            turn();
        }
    }

    void wait_for(ClientId client, std::size_t size) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (answers_[client].size() < size && std::chrono::steady_clock::now() < deadline)
            turn();
    }

private:
    int socket_of(ClientId client) {
        Fd& fd = sockets_[client];
        if (fd) return fd.get();
        fd = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const int yes = 1;
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(server_->port());
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        return fd.get();
    }

    /// Until the kernel has handed everything over, and the server has taken it.
    void flush() {
        for (const auto& [client, fd] : sockets_) {
            int unsent = 1;
            while (::ioctl(fd.get(), SIOCOUTQ, &unsent) == 0 && unsent > 0)
                turn();
        }
        turn();
    }

    void turn() {
        for (int i = 0; i < 3; ++i) {  // to hear of a byte, to read it, to answer
            loop_.post([this] { loop_.stop(); });
            loop_.run();
        }
        for (const auto& [client, fd] : sockets_) {
            char bytes[4096];
            const ssize_t size = ::recv(fd.get(), bytes, sizeof bytes, MSG_DONTWAIT);
            if (size > 0) answers_[client].append(bytes, static_cast<std::size_t>(size));
        }
    }

    net::Loop loop_;
    std::optional<Server> server_;
    std::map<ClientId, Fd> sockets_;
    std::map<ClientId, std::string> answers_;
    ClientId last_ = 0;
};

template <class Store>
class Replay {
public:
    void play(const std::string& line) {
        if (line.empty() || line[0] == '#') return;
        std::istringstream words(line);
        ClientId client = 0;
        std::string direction;
        words >> client >> direction;
        const std::string bytes = from_hex(words);
        ASSERT_FALSE(bytes.empty()) << line;
        if (direction == "C>") {
            store_.say(client, bytes);
        } else if (direction == "S>") {
            expect(client, bytes);
        } else {
            // torch's defect, which ours must not have: nothing is left over in silent()
            ASSERT_EQ(direction, "S!") << line;
        }
    }

    /// Whether everything that was answered was expected.
    void silent() {
        for (const auto& [client, bytes] : store_.settle()) {
            EXPECT_EQ(bytes.size(), 0U) << "more answers than torch gave, to connection " << client;
        }
    }

private:
    void expect(ClientId client, const std::string& bytes) {
        store_.wait_for(client, bytes.size());
        std::string& answers = store_.answers(client);
        EXPECT_EQ(answers.substr(0, bytes.size()), bytes);
        answers.erase(0, bytes.size());
    }

    Store store_;
};

/// By folder, one for each torch: how many traces were played.
template <class Store>
std::map<std::string, int> play_all() {
    std::map<std::string, int> played;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(TRACES)) {
        if (entry.path().extension() != ".trace") continue;
        const std::string torch = entry.path().parent_path().filename();
        ++played[torch];
        std::ifstream file(entry.path());
        Replay<Store> replay;
        std::string line;
        for (int number = 1; std::getline(file, line); ++number) {
            SCOPED_TRACE(torch + "/" + entry.path().filename().string() + ":" +
                         std::to_string(number));
            replay.play(line);
        }
        SCOPED_TRACE(torch + "/" + entry.path().filename().string());
        replay.silent();
    }
    return played;
}

const std::map<std::string, int> kTraces = {{"torch-1.13", 4}, {"torch-2.14", 5}, {"torch-2.6", 5}};

TEST(Golden, answers_as_torch_does) {
    EXPECT_EQ(play_all<InMemory>(), kTraces);
}
TEST(Golden, answers_as_torch_does_over_sockets) {
    EXPECT_EQ(play_all<OverSockets>(), kTraces);
}

}  // namespace
}  // namespace torchelastic::store
