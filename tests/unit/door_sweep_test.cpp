// Folders that are removed where others write as well.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "spank/sweep.h"

namespace torchelastic::door {
namespace {

namespace fs = std::filesystem;

class Sweep : public testing::Test {
protected:
    Sweep() {
        std::string name = (fs::temp_directory_path() / "door_sweep_XXXXXX").string();
        place_ = mkdtemp(name.data());
    }
    ~Sweep() override { fs::remove_all(place_); }

    fs::path file(const fs::path& name) {
        fs::create_directories((place_ / name).parent_path());
        std::ofstream(place_ / name) << "text";
        return place_ / name;
    }

    fs::path place_;
};

TEST_F(Sweep, takes_what_is_named_so_and_nothing_else) {
    file("scratch_7_a/none/attempt_0/0/error.json");
    file("scratch_7_b");
    file("scratch_77_a/error.json");
    file("other/scratch_7_c");
    sweep(place_, "scratch_7_");
    EXPECT_FALSE(fs::exists(place_ / "scratch_7_a"));
    EXPECT_FALSE(fs::exists(place_ / "scratch_7_b"));
    EXPECT_TRUE(fs::exists(place_ / "scratch_77_a/error.json"));
    EXPECT_TRUE(fs::exists(place_ / "other/scratch_7_c"));
}

TEST_F(Sweep, removes_links_and_not_what_they_lead_to) {
    const fs::path kept = file("kept/file");
    fs::create_directories(place_ / "scratch_7_a");
    fs::create_directory_symlink(place_ / "kept", place_ / "scratch_7_a/link");
    fs::create_directory_symlink(place_ / "kept", place_ / "scratch_7_link");
    sweep(place_, "scratch_7_");
    EXPECT_TRUE(fs::exists(kept));
    EXPECT_FALSE(fs::exists(fs::symlink_status(place_ / "scratch_7_link")));
    EXPECT_FALSE(fs::exists(place_ / "scratch_7_a"));
}

TEST_F(Sweep, takes_folders_that_workers_have_locked) {
    fs::permissions(file("scratch_7_a/inner/file").parent_path(), fs::perms::none);
    fs::permissions(place_ / "scratch_7_a", fs::perms::none);
    sweep(place_, "scratch_7_");
    EXPECT_FALSE(fs::exists(fs::symlink_status(place_ / "scratch_7_a")));
}

TEST_F(Sweep, leaves_what_is_too_deep) {
    fs::path deep = "scratch_7_a";
    for (int i = 0; i < kDeepest + 10; ++i)
        deep /= "d";
    file(deep / "file");
    sweep(place_, "scratch_7_");
    EXPECT_TRUE(fs::exists(place_ / "scratch_7_a"));
}

TEST_F(Sweep, takes_no_place_that_is_none) {
    file("scratch_7_a");
    for (const char* place : {"", ".", "relative", "/nowhere", "/dev/null"})
        sweep(place, "scratch_7_");
    sweep(place_ / "scratch_7_a", "scratch_7_");
    EXPECT_TRUE(fs::exists(place_ / "scratch_7_a"));
}

}  // namespace
}  // namespace torchelastic::door
