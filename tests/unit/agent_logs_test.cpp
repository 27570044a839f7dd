#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "agent/logs.h"
#include "agent/scratch.h"

namespace torchelastic::agent {
namespace {

namespace fs = std::filesystem;

class LogFolders : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "logs_test_XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        base_ = pattern;
    }
    void TearDown() override { fs::remove_all(base_); }
    std::string base_;
};

TEST_F(LogFolders, have_torchruns_layout) {
    auto logs = Logs::open(base_ + "/deep/er", "run/1");
    ASSERT_TRUE(logs) << logs.error().text();
    ASSERT_TRUE(logs->make_folders(2, 3));
    EXPECT_TRUE(logs->root().starts_with(base_ + "/deep/er/run_1_")) << logs->root();
    EXPECT_EQ(logs->folder(2), logs->root() + "/attempt_2");
    for (int rank = 0; rank < 3; ++rank) {
        EXPECT_EQ(logs->folder(2, rank), logs->root() + "/attempt_2/" + std::to_string(rank));
        EXPECT_TRUE(fs::is_directory(logs->folder(2, rank)));
    }
    EXPECT_TRUE(logs->make_folders(2, 4)) << "some are there already";
}

TEST_F(LogFolders, are_none_with_dev_null) {
    auto logs = Logs::open("/dev/null", "run");
    ASSERT_TRUE(logs);
    EXPECT_FALSE(logs->has_files());
    EXPECT_TRUE(logs->make_folders(0, 2));
    EXPECT_EQ(logs->folder(0, 0), "");
    EXPECT_TRUE(logs->room());
    EXPECT_TRUE(logs->try_writing());
}

TEST_F(LogFolders, cannot_be_where_a_file_is) {
    std::ofstream(base_ + "/file") << "x";
    const auto logs = Logs::open(base_ + "/file", "run");
    ASSERT_FALSE(logs);
    EXPECT_EQ(logs.error().text(), "make the log folder " + base_ + "/file: not a directory");
}

TEST_F(LogFolders, say_which_of_them_cannot_be_made) {
    const auto logs = Logs::open(base_, "run");
    ASSERT_TRUE(logs);
    std::ofstream(logs->root() + "/attempt_0") << "in the way";
    const auto made = logs->make_folders(0, 2);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().text(),
              "make the log folder " + logs->folder(0, 0) + ": not a directory");
}

TEST_F(LogFolders, are_left_as_they_were_by_a_try) {
    const auto logs = Logs::open(base_, "run");
    ASSERT_TRUE(logs);
    EXPECT_TRUE(logs->room());
    EXPECT_TRUE(logs->try_writing());
    EXPECT_TRUE(fs::is_empty(logs->root()));
}

TEST_F(LogFolders, say_that_nothing_can_be_written) {
    const auto logs = Logs::open(base_, "run");
    ASSERT_TRUE(logs);
    fs::remove_all(logs->root());
    const auto written = logs->try_writing();
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().text(),
              "write to the log folder " + logs->root() + ": no such file or directory");
}

TEST_F(LogFolders, come_back_after_somebody_has_removed_them) {
    auto logs = Logs::open(base_ + "/scratch", "j");
    ASSERT_TRUE(logs);
    fs::remove_all(base_ + "/scratch");
    ASSERT_TRUE(logs->make_folders(1, 2));
    EXPECT_TRUE(fs::is_directory(logs->folder(1, 1)));
}

TEST_F(LogFolders, are_not_taken_from_whoever_has_the_name) {
    auto logs = Logs::open(base_ + "/scratch", "j");
    ASSERT_TRUE(logs);
    fs::remove_all(logs->root());
    fs::create_directory(base_ + "/theirs");
    fs::create_directory_symlink(base_ + "/theirs", logs->root());
    fs::remove(base_ + "/theirs");
    const auto made = logs->make_folders(0, 1);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().text(), "make the log folder " + logs->root() + ": file exists");
}

TEST_F(LogFolders, of_a_round_that_nobody_wants_go) {
    auto logs = Logs::open(base_, "j");
    ASSERT_TRUE(logs);
    ASSERT_TRUE(logs->make_folders(0, 2));
    ASSERT_TRUE(logs->make_folders(1, 2));
    logs->forget(0);
    EXPECT_FALSE(fs::exists(logs->folder(0)));
    EXPECT_TRUE(fs::exists(logs->folder(1, 1)));
}

TEST(ScratchFolder, goes_even_if_a_worker_has_locked_it) {
    std::string path;
    {
        const Scratch scratch(options::Options{});
        path = scratch.path();
        fs::create_directories(path + "/run/attempt_0/deep");
        fs::create_symlink("/nowhere", path + "/run/link");
        fs::permissions(path + "/run/attempt_0", fs::perms::none);
    }
    EXPECT_FALSE(fs::exists(fs::symlink_status(path)));
}

TEST(ScratchFolder, is_another_one_each_time) {
    const Scratch one(options::Options{});
    const Scratch other(options::Options{});
    EXPECT_NE(one.path(), other.path());
    EXPECT_EQ(one.to_remove(), one.path());
}

TEST(ScratchFolder, is_this_users_alone_whatever_the_umask) {
    const Scratch scratch(options::Options{});
    const mode_t before = ::umask(0);
    scratch.make();
    ::umask(before);
    EXPECT_EQ(fs::status(scratch.path()).permissions(), fs::perms::owner_all);
}

TEST(ScratchFolder, is_kept_where_the_user_named_it) {
    options::Options options;
    options.log_dir = "logs";
    const Scratch scratch(options);
    EXPECT_EQ(scratch.path(), "logs");
    EXPECT_EQ(scratch.to_remove(), nullptr);
    scratch.make();
    EXPECT_FALSE(fs::exists("logs")) << "whose mode the umask says";
}

}  // namespace
}  // namespace torchelastic::agent
