// Finding and loading a rendezvous module, and believing only so much of what it says.
#include <gtest/gtest.h>

#include "base/module.h"
#include "rdzv/module.h"

namespace torchelastic::rdzv {
namespace {

const std::vector<std::string> kFolders = {"/nonexistent", TEST_MODULES};

std::string error(const std::string& file, const std::string& card = "hello") {
    const auto result = exchange_by_module(file, kFolders, card, 0, [](const char*) {});
    return result ? "no error" : result.error().text();
}

TEST(Module, is_looked_for_in_three_places) {
    const auto installed = module_folders("", "").back();
    EXPECT_TRUE(installed.ends_with("/torchelastic")) << installed;
    EXPECT_EQ(module_folders("/a:/b", "/opt/te/bin/torchelastic"),
              (std::vector<std::string>{"/a", "/b", "/opt/te/lib/torchelastic", installed}));
    EXPECT_EQ(module_folders(":", "/bin/torchelastic"),
              (std::vector<std::string>{"/lib/torchelastic", installed}));
    EXPECT_EQ(module_folders("", "torchelastic"), (std::vector<std::string>{installed}));
    EXPECT_EQ(module_folders("", "/torchelastic"),
              (std::vector<std::string>{"/lib/torchelastic", installed}));
}

TEST(Module, knows_the_file_of_the_running_program) {
    EXPECT_TRUE(program_file().ends_with("/rdzv_module_test")) << program_file();
}

TEST(Module, hands_the_cards_over) {
    std::string steps;
    const auto result = exchange_by_module("fake.so", kFolders, "hello", 0, [&](const char* step) {
        steps += step + std::string(".");
    });
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_EQ(result->rank, 1U);
    EXPECT_EQ(result->name, "fake");
    EXPECT_EQ(result->cards, (std::vector<std::string>{std::string("zero\0", 5), "hello"}));
    EXPECT_EQ(result->local_ranks, (std::vector<std::uint32_t>{0, 1}));
    EXPECT_EQ(steps, "loading the module.playing.");
}

TEST(Module, may_be_asked_for_the_first_cards_alone) {
    const auto result = exchange_by_module("fake.so", kFolders, "hello", 1, [](const char*) {});
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_EQ(result->size, 2U);
    EXPECT_EQ(result->cards, (std::vector<std::string>{std::string("zero\0", 5)}));
}

TEST(Module, says_in_one_line_what_is_wrong) {
    EXPECT_EQ(
        error("none.so"),
        "there is no none.so in /nonexistent, " TEST_MODULES
        " (TORCHELASTIC_PLUGIN_PATH names other folders); it is built where libpmix's headers "
        "are");
    EXPECT_TRUE(error("broken.so").starts_with("load " TEST_MODULES "/broken.so: "))
        << error("broken.so");
    EXPECT_NE(error("fake_no_entry.so").find("undefined symbol: torchelastic_exchange_module"),
              std::string::npos)
        << error("fake_no_entry.so");
    EXPECT_EQ(error("fake_version.so"), TEST_MODULES
              "/fake_version.so is of another release (it speaks version 99, this program 2): "
              "install both from one build");
}

TEST(Module, is_not_believed_blindly) {
    EXPECT_EQ(error("fake.so", "failure"), "out\\x0aof order");
    EXPECT_EQ(error("fake.so", "silence"), "the module has said nothing");
    EXPECT_EQ(error("fake.so", "nonsense"), "rank 5 of 2 makes no sense");
    EXPECT_EQ(error("fake.so", "incomplete"), "rank 0 has left no card");
    EXPECT_EQ(error("fake.so", "no joined rank"), "a card of rank 2, where only 2 were to come");
}

}  // namespace
}  // namespace torchelastic::rdzv
