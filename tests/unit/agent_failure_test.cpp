// What is found out about a worker that failed: its error file, its last lines on stderr, whether
// there was a script at all; and what the agent leaves of it for whoever started the job.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "agent/error_file.h"
#include "agent/last_lines.h"
#include "agent/script.h"

namespace torchelastic::agent {
namespace {

namespace fs = std::filesystem;

class Failures : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "failure_test_XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override { fs::remove_all(folder_); }

    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
        return folder_ + "/" + name;
    }
    static std::string read(const std::string& path) {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    std::string folder_;
};

TEST(ErrorFile, is_read_as_torch_writes_it) {
    const auto recorded = parse_error_file(
        R"({"message": {"message": "ValueError: boom", "extraInfo": {"py_callstack": "Traceback",)"
        R"( "timestamp": "1795159681"}}})");
    ASSERT_TRUE(recorded);
    EXPECT_EQ(recorded->message, "ValueError: boom");
    EXPECT_EQ(recorded->traceback, "Traceback");
    EXPECT_EQ(recorded->raised_s, 1795159681);
    EXPECT_EQ(parse_error_file(R"({"message": "plain", "timestamp": 7})")->message, "plain");
    EXPECT_EQ(parse_error_file(R"({"message": "plain", "timestamp": 7})")->raised_s, 7);
}

TEST(ErrorFile, that_is_broken_still_tells_what_it_holds) {
    for (const char* text : {"{\"mess", "[]", "null", "{}", "{\"message\": 3}",
                             "{\"message\": {\"extraInfo\": 7}}", "\xff\xfe"}) {
        const auto recorded = parse_error_file(text);
        ASSERT_TRUE(recorded) << text;
        EXPECT_TRUE(recorded->message.starts_with("unreadable error file: ")) << text;
    }
    EXPECT_FALSE(parse_error_file(" \n"));
    EXPECT_FALSE(read_error_file("/nonexistent/error.json"));
    EXPECT_FALSE(read_error_file("/dev/zero"));
    EXPECT_FALSE(read_error_file("/tmp"));
    EXPECT_FALSE(read_error_file(""));
}

TEST(ErrorFile, may_name_files_whose_names_are_no_text) {
    const struct {
        const char* written;
        const char* expected;
    } cases[] = {
        {R"(caf\udce9.txt)", "caf\\xe9.txt"},
        {R"(\udc80\ud800x\ud83d)", "\\x80\\x00x\\x3d"},
        {R"(\ud83d\ude00 \udcff)", "\xf0\x9f\x98\x80 \\xff"},
        {R"(C:\\udce9 \udce9)", "C:\\udce9 \\xe9"},
    };
    for (const auto& each : cases) {
        const auto recorded =
            parse_error_file(std::string(R"({"message": ")") + each.written + "\"}");
        EXPECT_EQ(recorded->message, each.expected);
    }
    for (const char* each : {"\\", "\\u", "\\udce", "\\udce9", "\\ud83d\\"})
        EXPECT_TRUE(parse_error_file(each)->message.starts_with("unreadable error file")) << each;
}

TEST(ErrorFile, may_have_any_time) {
    for (const char* time : {"\"soon\"", "null", "1e300", "[]", "\"\"", "-0.5"}) {
        const std::string text = std::string(R"({"message": "m", "timestamp": )") + time + "}";
        EXPECT_EQ(parse_error_file(text)->raised_s, 0) << time;
    }
}

TEST_F(Failures, are_read_from_files_that_are_too_long_too_deep_or_pipes) {
    const auto deep = read_error_file(write("deep", std::string(2U << 20, '[')));
    ASSERT_TRUE(deep);
    EXPECT_LT(deep->message.size(), 1200U);
    const std::string pipe = folder_ + "/pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_FALSE(read_error_file(pipe));
    EXPECT_EQ(read_last_lines(pipe), "");
}

coordinator::WorkerFailure third() {
    coordinator::WorkerFailure cause{.agent = "n2", .local_rank = 1, .rank = 3, .pid = 4711};
    cause.time_us = 1795159676123456;
    return cause;
}

TEST(ErrorDocument, is_what_the_worker_recorded_with_its_exit_code) {
    coordinator::WorkerFailure cause = third();
    cause.exit_code = 1;
    cause.message = "ValueError: \"boom\"";
    cause.traceback = "Traceback\n";
    cause.raised_s = 1795159670;
    const std::string text = error_document(cause);
    EXPECT_EQ(text,
              R"({"message":{"errorCode":1,"extraInfo":{"py_callstack":"Traceback\n","timestamp":)"
              R"("1795159670"},"message":"ValueError: \"boom\""}})");
    const auto back = parse_error_file(text);
    EXPECT_EQ(back->message, cause.message);
    EXPECT_EQ(back->traceback, cause.traceback);
    EXPECT_EQ(back->raised_s, cause.raised_s);
}

TEST(ErrorDocument, is_made_up_where_the_worker_recorded_nothing) {
    coordinator::WorkerFailure cause = third();
    cause.signal = SIGSEGV;
    cause.stderr_end = "last \xff words";
    const std::string text = error_document(cause);
    EXPECT_NE(text.find("\"errorCode\":-11"), std::string::npos) << text;
    const auto back = parse_error_file(text);
    EXPECT_EQ(back->message,
              "rank 3 (node n2, local rank 1, pid 4711) failed: killed by SIGSEGV: invalid memory "
              "reference");
    EXPECT_EQ(back->traceback, "last \xef\xbf\xbd words");
    EXPECT_EQ(back->raised_s, 1795159676);

    coordinator::WorkerFailure never = third();
    never.never_started = true;
    never.message = "start x: no such file or directory";
    EXPECT_EQ(parse_error_file(error_document(never))->message,
              "node n2 could not start its workers: start x: no such file or directory");
    EXPECT_NE(error_document(never).find("\"errorCode\":127"), std::string::npos);

    EXPECT_EQ(error_document("lost node n3", 1, WallTime(std::chrono::seconds(7))),
              R"({"message":{"errorCode":1,"extraInfo":{"py_callstack":"","timestamp":"7"},)"
              R"("message":"lost node n3"}})");
}

TEST_F(Failures, are_left_in_a_file_that_is_replaced_as_a_whole) {
    const std::string path = write("error.json", "what was there, which is longer");
    const int before = ::open(path.c_str(), O_RDONLY);
    ASSERT_GE(before, 0);
    const Environment environment = {{"TORCHELASTIC_ERROR_FILE", path}};
    ASSERT_TRUE(leave_error_file(environment, "new"));
    EXPECT_EQ(read(path), "new");
    char old[4];
    EXPECT_EQ(::read(before, old, sizeof old), 4) << "a reader of the old file lost it";
    ::close(before);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1) << "a temporary file is left";
}

TEST_F(Failures, are_left_in_place_where_a_file_cannot_be_replaced) {
    const std::string target = write("target", "what was there");
    fs::create_symlink(target, folder_ + "/link");
    ASSERT_TRUE(write_error_file(folder_ + "/link", "new"));
    EXPECT_TRUE(fs::is_symlink(folder_ + "/link"));
    EXPECT_EQ(read(target), "new");
    ASSERT_TRUE(write_error_file("/dev/null", "new"));
    EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(Failures, are_left_nowhere_without_a_word) {
    EXPECT_TRUE(leave_error_file({}, "x"));
    EXPECT_TRUE(leave_error_file({{"TORCHELASTIC_ERROR_FILE", ""}}, "x"));
    const std::string path = folder_ + "/none/error.json";
    const auto left = leave_error_file({{"TORCHELASTIC_ERROR_FILE", path}}, "x");
    ASSERT_FALSE(left);
    EXPECT_EQ(left.error().text(),
              "write the error file " + path + ": open it: no such file or directory");
    const std::string pipe = folder_ + "/pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_FALSE(write_error_file(pipe, "x")) << "nobody reads it";
}

TEST(LastLines, are_what_a_terminal_would_show_last) {
    const struct {
        const char* what;
        std::string text;
        bool cut;
        std::string expected;
    } cases[] = {
        {"nothing", "", false, ""},
        {"blanks only", " \n\t\n", true, ""},
        {"all of it", "a\nb\n", false, "a\nb"},
        {"no last newline", "a\nb", false, "a\nb"},
        {"a broken first line", "oken\nb\n", true, "b"},
        {"nothing but a broken line", "oken", true, "oken"},
        {"a progress bar", "x\n 1%\r 2%\r 3%\r\nend\r\n", false, "x\n 3%\nend"},
        {"tabs", "a\tb\n\tc", false, "a       b\n        c"},
        {"empty lines within", "a\n\nb\n\n\n", false, "a\n\nb"},
    };
    for (const auto& each : cases)
        EXPECT_EQ(last_lines(each.text, each.cut), each.expected) << each.what;
    std::string many;
    for (int i = 1; i <= 100; ++i)
        many += "line " + std::to_string(i) + "\n";
    const std::string end = last_lines(many, false);
    EXPECT_TRUE(end.starts_with("line 81\n") && end.ends_with("\nline 100")) << end;
}

TEST_F(Failures, are_read_from_the_end_of_stderr) {
    std::string text;
    for (int i = 1; i <= 100000; ++i)
        text += "a line of some length, number " + std::to_string(i) + "\n";
    const std::string end = read_last_lines(write("long", text));
    EXPECT_TRUE(end.starts_with("a line of some length, number 99981\n")) << end;
    EXPECT_TRUE(end.ends_with("number 100000")) << end;
    const std::string one = read_last_lines(write("one", std::string(1U << 20, 'x')));
    EXPECT_EQ(one, std::string(kLastBytes, 'x'));
    EXPECT_EQ(read_last_lines(write("short", "a\n")), "a");
    EXPECT_EQ(read_last_lines(folder_ + "/none"), "");
    EXPECT_EQ(read_last_lines(folder_), "");
    EXPECT_EQ(read_last_lines("/dev/zero"), "");
}

TEST_F(Failures, of_a_missing_script_are_told_before_python_starts) {
    options::Options options;
    const auto told = [&](const std::string& script) {
        options.script = script;
        const auto found = find_script(options, {{"PATH", "/nowhere:/usr/bin:/bin"}});
        return found ? "" : found.error().text();
    };
    EXPECT_EQ(told(write("train.py", "")), "");
    const std::string missing = folder_ + "/none.py";
    EXPECT_EQ(told(missing), "start " + missing + ": no such file or directory");
    EXPECT_EQ(told(folder_ + "/train.py/x.py"),
              "start " + folder_ + "/train.py/x.py: not a directory");
    EXPECT_EQ(told(folder_), "start " + folder_ + ": it is a folder without a __main__.py");
    write("__main__.py", "");
    EXPECT_EQ(told(folder_), "");
    for (const char* each : {"-", "/dev/null"})
        EXPECT_EQ(told(each), "") << each;

    for (const std::string word : {"sh", "/bin/sh", "python"}) {
        EXPECT_EQ(told(word),
                  "start " + word +
                      ": it is a program, not a Python script: give --no-python, or leave it out "
                      "if a script follows");
    }

    options.script = missing;
    EXPECT_TRUE(find_script(options, {{"PYTHON_EXEC", "/opt/in-a-container"}}));
    EXPECT_FALSE(find_script(options, {{"PYTHON_EXEC", ""}}));
    options.no_python = true;
    EXPECT_TRUE(find_script(options, {})) << "programs are looked up in PATH";
    options.no_python = false;
    options.module = true;
    EXPECT_TRUE(find_script(options, {}));
}

}  // namespace
}  // namespace torchelastic::agent
