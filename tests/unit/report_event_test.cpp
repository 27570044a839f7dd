// Events as lines, and docs/events.md held against the tables of the code.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "report/event.h"
#include "report/event_file.h"

namespace torchelastic::report {
namespace {

using json = nlohmann::ordered_json;

const EventOrigin kOrigin = {"run", "trainer", "n1", "slurm", "train.py"};

Event event(EventKind kind) {
    Event event;
    event.kind = kind;
    event.at = WallTime{} + std::chrono::microseconds(1'700'000'000'123'456);
    event.since_start = std::chrono::milliseconds(2500);
    event.group_rank = 1;
    event.group_world_size = 4;
    event.round = 2;
    event.restarts = 1;
    return event;
}

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(Event, of_a_worker_has_torchruns_form) {
    Event failed = event(EventKind::worker_failed);
    failed.worker = EventWorker{5, 1, 5, 8, 4711};
    failed.duration = std::chrono::microseconds(1500);
    failed.signal = SIGSEGV;
    failed.error = "no data";
    failed.traceback = "Traceback ...";
    EXPECT_EQ(event_line(kOrigin, failed),
              R"({"name":"torchelastic.worker.status.FAILED","source":"WORKER",)"
              R"("timestamp":1700000000.123456,"metadata":{"run_id":"run","global_rank":5,)"
              R"("group_rank":1,"worker_id":"4711","role":"trainer","hostname":"n1",)"
              R"("state":"FAILED","total_run_time":2.5,"rdzv_backend":"slurm",)"
              R"("raw_error":"{\"message\":{\"message\":\"no data\",\"extraInfo\":)"
              R"({\"py_callstack\":\"Traceback ...\"}}}",)"
              R"("metadata":"{\"group_world_size\":4,\"entry_point\":\"train.py\",)"
              R"(\"local_rank\":[1],\"role_rank\":[5],\"role_world_size\":[8],)"
              R"(\"exit_code\":[-11],\"worker_pid\":[4711]}","agent_restarts":1,)"
              R"("duration_ms":1.5,"round":2,"exit_code":null,"signal":"SIGSEGV",)"
              R"("outcome":null,"reason":null}})");
}

TEST(Event, of_a_timer_says_which) {
    Event killed = event(EventKind::killed_by_timer);
    killed.timer = EventTimer{4711, "train.py#12", 1700000000.5, SIGKILL};
    const json line = json::parse(event_line(kOrigin, killed));
    EXPECT_EQ(line["name"], "kill worker process");
    EXPECT_EQ(line["metadata"]["metadata"],
              R"({"watchdog_event":"kill worker process","worker_pid":"4711",)"
              R"("scope_id":"train.py#12","expiration_time":"1700000000.5","signal":"9"})");
}

TEST(Event, is_one_line_of_utf8_whatever_it_is_told) {
    Event verdict = event(EventKind::verdict);
    verdict.reason = "two\nlines \xff and \x01 bytes";
    const std::string line = event_line({"\xc3(", "\n", "", "", "\xe2\x82"}, verdict);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(json::parse(line)["metadata"]["reason"], "two\nlines \xef\xbf\xbd and \x01 bytes");
}

TEST(Event, has_all_fields_that_are_documented_and_no_other) {
    std::vector<std::string> documented;
    for (const EventField& field : event_fields())
        documented.emplace_back(field.name);
    for (const EventName& name : event_names()) {
        std::vector<std::string> present;
        const json line = json::parse(event_line(kOrigin, event(name.kind)));
        for (const auto& [key, value] : line["metadata"].items())
            present.push_back(key);
        EXPECT_EQ(present, documented) << name.name;
        EXPECT_EQ(line["name"], name.name);
        EXPECT_EQ(line["source"], name.source);
    }
}

TEST(Event, names_are_in_the_order_of_their_kinds) {
    for (std::size_t i = 0; i < event_names().size(); ++i) {
        EXPECT_EQ(static_cast<std::size_t>(event_names()[i].kind), i) << event_names()[i].name;
    }
    EXPECT_EQ(event_names().back().kind, EventKind::agent_failed);
}

/// After a change of the tables, this test's output is what docs/events.md has to say.
TEST(Event, tables_are_those_of_the_documentation) {
    std::string names = "| name | source | when | `duration_ms` |\n|---|---|---|---|\n";
    for (const EventName& each : event_names()) {
        names += fmt::format("| `{}` | {} | {} | {} |\n", each.name, each.source, each.when,
                             each.duration);
    }
    std::string fields = "| key | type | meaning |\n|---|---|---|\n";
    for (const EventField& each : event_fields())
        fields += fmt::format("| `{}` | {} | {} |\n", each.name, each.type, each.meaning);
    const std::string documentation = text_of(DOCS "/events.md");
    EXPECT_NE(documentation.find("\n" + names + "\n"), std::string::npos) << names;
    EXPECT_NE(documentation.find("\n" + fields + "\n"), std::string::npos) << fields;
}

struct EventLog : ::testing::Test {
    EventLog() {
        char name[] = "/tmp/event_test_XXXXXX";
        folder = ::mkdtemp(name);
    }
    ~EventLog() override { std::filesystem::remove_all(folder); }
    std::string folder;
};

TEST_F(EventLog, goes_on_after_what_a_file_holds) {
    const std::string path = folder + "/events";
    std::ofstream(path) << "before\n";
    auto file = EventFile::open(path);
    ASSERT_TRUE(file) << file.error().text();
    EXPECT_TRUE(file->append("one"));
    EXPECT_TRUE(file->append("two"));
    EXPECT_EQ(text_of(path), "before\none\ntwo\n");
}

TEST_F(EventLog, says_what_cannot_be_opened_or_written) {
    const auto missing = EventFile::open(folder + "/none/events");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().text(),
              "open the event log " + folder + "/none/events: no such file or directory");
    const std::string pipe = folder + "/pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const auto unread = EventFile::open(pipe);
    ASSERT_FALSE(unread);
    EXPECT_EQ(unread.error().text(), "open the event log " + pipe + ": nobody reads this pipe");
    auto full = EventFile::open("/dev/full");
    ASSERT_TRUE(full) << full.error().text();
    const auto written = full->append("line");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().text(), "write the event log /dev/full: no space left on device");
}

TEST_F(EventLog, begins_a_line_of_its_own_after_a_torn_one) {
    const std::string path = folder + "/pipe";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    const Fd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    auto file = EventFile::open(path);
    ASSERT_TRUE(file) << file.error().text();
    const std::string longer_than_a_pipe(200UL * 1024, 'x');
    ASSERT_FALSE(file->append(longer_than_a_pipe));
    std::string seen(300UL * 1024, '\0');
    while (::read(reader.get(), seen.data(), seen.size()) > 0) {
    }
    ASSERT_TRUE(file->append("whole"));
    const auto got = ::read(reader.get(), seen.data(), seen.size());
    ASSERT_GT(got, 0);
    EXPECT_EQ(seen.substr(0, static_cast<std::size_t>(got)), "\nwhole\n");
}

}  // namespace
}  // namespace torchelastic::report
