// What the table is made into for shells and for man. Whether a shell can make use of it is shown
// by tests/system/completion.py.
#include <string>

#include <gtest/gtest.h>

#include "base/text.h"
#include "options/command_line.h"
#include "options/completion.h"
#include "options/manual.h"
#include "options/table.h"

namespace torchelastic::options {
namespace {

constexpr Shell kShells[] = {Shell::bash, Shell::zsh, Shell::tcsh};

TEST(Completion, knows_every_option) {
    for (const Shell shell : kShells) {
        const std::string text = completion(shell, Command::run);
        EXPECT_TRUE(text.ends_with("\n"));
        for (std::size_t i = 0; i < kOptionCount; ++i) {
            EXPECT_NE(text.find(kOptions[i].name), std::string::npos) << kOptions[i].name;
            if (!kOptions[i].choices) continue;
            const std::string words = join(split(kOptions[i].choices, ','), " ");
            EXPECT_NE(text.find(words), std::string::npos) << kOptions[i].name;
        }
    }
}

TEST(Completion, is_for_the_program_as_it_was_called) {
    for (const Shell shell : kShells) {
        const std::string own = completion(shell, Command::launch);
        EXPECT_EQ(own, completion(shell, Command::run));
        EXPECT_NE(own.find(" for torchelastic."), std::string::npos);
        const std::string link = completion(shell, Command::torchrun);
        EXPECT_NE(link.find(" for torchrun."), std::string::npos);
    }
    EXPECT_EQ(completion(Shell::tcsh, Command::torchrun).find("(run launch)"), std::string::npos);
}

TEST(Manual, has_every_option_and_its_default) {
    const std::string text = manual("May 4, 2026");
    EXPECT_TRUE(text.starts_with(".Dd May 4, 2026\n.Dt TORCHELASTIC 1\n"));
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        std::string head = std::string("Fl -") + kOptions[i].name;
        for (auto at = head.find('-'); at != std::string::npos; at = head.find('-', at + 2))
            head.insert(at, "\\");
        EXPECT_NE(text.find(head), std::string::npos) << head;
    }
    EXPECT_NE(text.find("The default is\n.Li SIGTERM,SIGINT,SIGHUP,SIGQUIT .\n"),
              std::string::npos);
    EXPECT_NE(text.find("Fl \\-use\\-env"), std::string::npos);
}

TEST(Manual, begins_no_line_of_text_with_a_request) {
    for (const std::string& line : split(manual("May 4, 2026"), '\n')) {
        EXPECT_FALSE(line.starts_with("'")) << line;
        if (line.starts_with(".")) {
            EXPECT_TRUE(line.size() > 2 && line[1] >= 'A' && line[1] <= 'Z') << line;
        }
    }
}

}  // namespace
}  // namespace torchelastic::options
