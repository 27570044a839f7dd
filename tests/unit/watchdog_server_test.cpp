// The pipe itself, with real processes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "process/child.h"
#include "watchdog/server.h"

namespace torchelastic::watchdog {
namespace {

struct Watchdog : ::testing::Test {
    Watchdog() {
        char name[] = "/tmp/watchdog_test_XXXXXX";
        folder = ::mkdtemp(name);
        path = folder + "/pipe";
        guard.arm(std::chrono::seconds(30), [this] {
            ADD_FAILURE() << "nothing happens";
            loop.stop();
        });
    }
    ~Watchdog() override { std::filesystem::remove_all(folder); }

    void open() {
        auto opened = Server::open(loop, path,
                                   {.happened =
                                        [this](const Happening& happening) {
                                            happened.push_back(happening);
                                            if (happened.size() == awaited) loop.stop();
                                        },
                                    .warn =
                                        [this](const std::string& line) {
                                            warned.push_back(line);
                                            if (warned.size() == awaited_warnings) loop.stop();
                                        }});
        ASSERT_TRUE(opened) << opened.error().text();
        server = std::move(*opened);
    }
    void write(const std::string& text) const {
        const Fd pipe(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
        ASSERT_TRUE(pipe);
        ASSERT_EQ(::write(pipe.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    static std::string request(pid_t pid, double expires, int signal = SIGKILL) {
        return fmt::format(
            "{{\"version\": 1, \"pid\": {}, \"scope_id\": \"step\", \"expiration_time\": {}, "
            "\"signal\": {}}}\n",
            pid, expires, signal);
    }

    net::Loop loop;
    std::string folder;
    std::string path;
    std::vector<Happening> happened;
    std::vector<std::string> warned;
    std::size_t awaited = 1;
    std::size_t awaited_warnings = 0;
    net::Timer guard{loop};
    std::unique_ptr<Server> server;
};

TEST_F(Watchdog, kills_a_child_and_can_say_why) {
    auto reaper = process::Reaper::open(loop);
    ASSERT_TRUE(reaper);
    std::optional<process::ExitStatus> ended;
    process::Command command;
    command.argv = {"sleep", "1000"};
    command.environment = {"PATH=/usr/bin:/bin"};
    auto child = process::Child::start(loop, **reaper, command, {},
                                       [&](process::ExitStatus status, WallTime) {
                                           ended = status;
                                           loop.stop();
                                       });
    ASSERT_TRUE(child) << child.error().text();
    open();
    awaited = 0;
    write(request(child->pid(), 1.0));
    loop.run();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->signal(), SIGKILL);
    ASSERT_EQ(happened.size(), 1U);
    EXPECT_TRUE(happened[0].killed);
    EXPECT_EQ(server->bury(child->pid()), "timer step expired: the watchdog sent SIGKILL");
    EXPECT_EQ(server->bury(child->pid()), std::nullopt);
}

TEST_F(Watchdog, signals_neither_this_process_nor_its_parent) {
    open();
    awaited = 2;
    write(request(::getpid(), 1.0));
    write(request(::getppid(), 1.0));
    loop.run();
    ASSERT_EQ(happened.size(), 2U);
    for (const Happening& each : happened) {
        EXPECT_FALSE(each.killed);
        EXPECT_NE(each.words.find("no process of this job"), std::string::npos) << each.words;
        EXPECT_EQ(server->bury(each.timer.pid), std::nullopt);
    }
}

TEST_F(Watchdog, warns_of_nonsense_once_and_goes_on) {
    open();
    awaited_warnings = 1;
    write("nonsense\nmore nonsense\n" + std::string(60000, 'x') + "\n");
    loop.run();
    EXPECT_EQ(warned, (std::vector<std::string>{
                          "watchdog: not a timer's request: nonsense: it is no JSON object"}));
    awaited_warnings = 2;
    write(request(::getpid(), 1.0));
    loop.run();
    EXPECT_EQ(happened.size(), 1U);
}

TEST_F(Watchdog, removes_its_pipe_and_replaces_a_dead_agents) {
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    open();
    server.reset();
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(Watchdog, takes_no_path_from_anyone_else) {
    open();
    const auto second = Server::open(loop, path, {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().text(),
              "make the watchdog's pipe " + path + ": another watchdog of this machine has it");
    EXPECT_TRUE(std::filesystem::exists(path));
    const std::string precious = folder + "/precious";
    std::ofstream(precious) << "results";
    const auto third = Server::open(loop, precious, {});
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().text(),
              "make the watchdog's pipe " + precious + ": a file of that name exists");
    EXPECT_TRUE(std::filesystem::exists(precious));
    const auto fourth = Server::open(loop, "/nonexistent/pipe", {});
    ASSERT_FALSE(fourth);
    EXPECT_EQ(fourth.error().text(),
              "make the watchdog's pipe /nonexistent/pipe: no such file or directory");
}

}  // namespace
}  // namespace torchelastic::watchdog
