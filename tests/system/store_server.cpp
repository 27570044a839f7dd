// Serves one workers' store for tests: prints its port, ends when standard input does.
#include <unistd.h>

#include <cstdio>
#include <optional>

#include "net/loop.h"
#include "store/server.h"

int main() {
    using namespace torchelastic;
    net::Loop loop;
    auto server = store::Server::open(
        loop, "", 0, [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); });
    if (!server) {
        std::fprintf(stderr, "%s\n", server.error().text().c_str());
        return 1;
    }
    server->start();
    std::printf("%u\n", unsigned{server->port()});
    std::fflush(stdout);
    net::Readable input(loop, Fd(::dup(STDIN_FILENO)), [&](int fd) {
        char bytes[256];
        if (::read(fd, bytes, sizeof bytes) <= 0) loop.stop();
    });
    loop.run();
}
