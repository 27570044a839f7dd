// What people read: --help and usage errors.
#include <string>

#include <gtest/gtest.h>

#include "base/text.h"
#include "options/help.h"
#include "options/table.h"

namespace torchelastic::options {
namespace {

TEST(Help, fits_eighty_columns_of_plain_text) {
    const std::string text = help();
    ASSERT_TRUE(text.ends_with("\n"));
    for (const std::string& line : split(text, '\n')) {
        EXPECT_LE(line.size(), 80U) << line;
        EXPECT_FALSE(line.ends_with(' ')) << line;
        EXPECT_EQ(printable(line), line);
    }
}

TEST(Help, shows_every_option_with_its_value_and_default) {
    const std::string text = help();
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        std::string head = std::string("--") + kOptions[i].name;
        if (kOptions[i].metavar) head += std::string(" ") + kOptions[i].metavar;
        EXPECT_NE(text.find(head), std::string::npos) << head;
    }
    EXPECT_NE(text.find("  -r, --redirects STREAMS  Streams"), std::string::npos);
    EXPECT_NE(text.find("(default: 30)"), std::string::npos);
    EXPECT_NE(text.find("-h, --help"), std::string::npos);
    EXPECT_NE(text.find("--version"), std::string::npos);
    EXPECT_NE(text.find("PET_NPROC_PER_NODE"), std::string::npos);
}

TEST(Help, shows_every_group_once_and_with_options) {
    const std::string text = help();
    for (const char* heading :
         {"\njob:\n  --", "\nworkers:\n  -", "\nfailures and restarts:\n  --",
          "\nrendezvous:\n  --", "\noutput of the workers:\n  --", "\nother:\n  --"}) {
        const auto at = text.find(heading);
        ASSERT_NE(at, std::string::npos) << heading;
        EXPECT_EQ(text.find(heading, at + 1), std::string::npos) << heading;
    }
}

TEST(Help, of_launch_has_one_option_more) {
    EXPECT_EQ(help().find("--use-env"), std::string::npos);
    EXPECT_EQ(help(Command::torchrun).find("--use-env"), std::string::npos);
    EXPECT_TRUE(help(Command::torchrun).starts_with("usage: torchrun [option ...]"));
    const std::string text = help(Command::launch);
    EXPECT_TRUE(text.starts_with("usage: torchelastic launch [option ...]"));
    EXPECT_NE(text.find("\n  --use-env  "), std::string::npos);
    for (const std::string& line : split(text, '\n')) {
        EXPECT_LE(line.size(), 80U) << line;
    }
}

TEST(Help, says_what_has_no_effect) {
    const std::string text = help();
    for (const char* name : {"--start-method ", "--monitor-interval ", "--logs-specs "}) {
        const auto at = text.find(name);
        ASSERT_NE(at, std::string::npos);
        EXPECT_NE(text.substr(at, 200).find("Accepted for torchrun's sake"), std::string::npos);
    }
}

TEST(UsageErrors, look_like_those_of_argparse) {
    EXPECT_EQ(usage_error("argument --nnodes: expected one argument"),
              "usage: torchelastic run [option ...] training_script [argument ...]\n"
              "torchelastic run: error: argument --nnodes: expected one argument\n");
    EXPECT_EQ(usage_error("x", Command::torchrun),
              "usage: torchrun [option ...] training_script [argument ...]\ntorchrun: error: x\n");
    EXPECT_TRUE(usage_error("x", Command::launch).ends_with("torchelastic launch: error: x\n"));
}

}  // namespace
}  // namespace torchelastic::options
