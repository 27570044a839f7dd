// The seal of a program, which is also a message.
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "spank/seal.h"

namespace torchelastic::door {
namespace {

std::string unsealed(const std::string& program) {
    std::vector<char> bytes(program.c_str(), program.c_str() + program.size() + 1);
    unseal(bytes.data());
    return bytes.data();
}

TEST(Seal, comes_off) {
    for (const char* program : {"train.py", "/usr/bin/python3", "./a b", "../x", "", "\xff\n"}) {
        EXPECT_EQ(unsealed(seal(program)), program);
        EXPECT_EQ(unsealed(program), program);
    }
}

TEST(Seal, is_put_on_once) {
    EXPECT_EQ(seal(seal("train.py")), seal("train.py"));
}

// Plugins of two releases meet in one cluster: these words are a format.
TEST(Seal, names_a_path_that_says_what_is_missing) {
    EXPECT_EQ(seal("train.py"),
              "/torchelastic: this node has no plugin for srun --torchelastic: add it to "
              "plugstack.conf here (slurmd's log says if it did not load), or use "
              "--torchelastic=off; not started: train.py");
}

}  // namespace
}  // namespace torchelastic::door
