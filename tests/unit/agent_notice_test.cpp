// What workers read about signals, and what is left for the plugin to read.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "agent/notice.h"
#include "agent/requeue_slip.h"

namespace torchelastic::agent {
namespace {

using nlohmann::json;

const WallTime kNow{std::chrono::milliseconds(1790000000250)};

TEST(Notice, is_a_line_of_json) {
    const Notice notice{.event = Notice::Event::notify, .signal = 10, .round = 2, .reason = "why"};
    EXPECT_EQ(notice_document(notice, 3, kNow),
              "{\"event\":\"notify\",\"signal\":\"SIGUSR1\",\"number\":3,\"round\":2,"
              "\"time\":1790000000.25,\"deadline\":null,\"reason\":\"why\"}\n");
}

TEST(Notice, can_be_none) {
    EXPECT_EQ(notice_document({}, 0, kNow),
              "{\"event\":\"none\",\"signal\":null,\"number\":0,\"round\":0,"
              "\"time\":1790000000.25,\"deadline\":null,\"reason\":\"\"}\n");
}

TEST(Notice, has_a_deadline_and_stands_hostile_bytes) {
    Notice notice{.event = Notice::Event::interrupt, .signal = 15, .reason = "n\xff\n\"1"};
    notice.deadline = kNow + std::chrono::seconds(30);
    const json read = json::parse(notice_document(notice, 1, kNow));
    EXPECT_EQ(read["event"], "interrupt");
    EXPECT_EQ(read["deadline"], 1790000030.25);
    EXPECT_EQ(read["reason"], "n\xEF\xBF\xBD\n\"1");
}

TEST(Notice, replaces_the_one_before) {
    char folder[] = "/tmp/notice_test_XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    const std::string path = std::string(folder) + "/notice.json";
    for (const char* text : {"a long one\n", "short\n"}) {
        const auto written = write_notice(path, text);
        ASSERT_TRUE(written) << written.error().text();
    }
    char read[32] = {};
    const int file = ::open(path.c_str(), O_RDONLY);
    EXPECT_EQ(::read(file, read, sizeof read - 1), 6);
    EXPECT_STREQ(read, "short\n");
    ::close(file);
    ::unlink(path.c_str());
    EXPECT_EQ(::rmdir(folder), 0) << "nothing else is left";
    EXPECT_FALSE(write_notice(path, "x")) << "its folder is gone";
}

TEST(RequeueSlip, says_how_the_job_ended) {
    using coordinator::Outcome;
    const struct {
        Outcome outcome;
        bool told;
        std::string word;
    } ends[] = {
        {Outcome::succeeded, false, ""},
        {Outcome::worker_failed, false, ""},
        {Outcome::worker_failed, true, ""},
        {Outcome::succeeded, true, ""},
        {Outcome::interrupted, false, "interrupted"},
        {Outcome::interrupted, true, "interrupted"},
        {Outcome::agent_lost, false, "node"},
        {Outcome::coordinator_lost, true, "node"},
        {Outcome::not_formed, false, ""},
        {Outcome::refused, false, ""},
    };
    for (const auto& [outcome, told, word] : ends) {
        const int plugins = ::memfd_create("slip", 0);
        const Environment environment = {
            {"TORCHELASTIC_STEP_REQUEUE", std::to_string(::dup(plugins))}};
        RequeueSlip slip(environment);
        ASSERT_FALSE(slip.missing());
        if (told) slip.told_to_end();
        slip.conclude(outcome);
        char read[32] = {};
        EXPECT_EQ(::pread(plugins, read, sizeof read, 0), static_cast<ssize_t>(word.size()));
        EXPECT_EQ(read, word) << static_cast<int>(outcome);
        ::close(plugins);
    }
}

TEST(RequeueSlip, is_missing_unless_a_descriptor_of_that_number_is_open) {
    for (const char* named : {"", "x", "-1", "0", "2", "1048575", "99999999999"}) {
        RequeueSlip slip(Environment{{"TORCHELASTIC_STEP_REQUEUE", named}});
        EXPECT_TRUE(slip.missing()) << named;
        slip.told_to_end();  // and harmless
    }
    EXPECT_TRUE(RequeueSlip(Environment{}).missing());
}

}  // namespace
}  // namespace torchelastic::agent
