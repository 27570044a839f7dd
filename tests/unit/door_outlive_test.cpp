// Who is warned, or helped, that a job would not outlive its nodes.
#include <gtest/gtest.h>

#include "spank/command_line.h"
#include "spank/outlive.h"

namespace torchelastic::door {
namespace {

TEST(Outlive, is_for_those_who_can_do_with_fewer_nodes) {
    EXPECT_TRUE(can_lose_nodes("2:4", 4));
    EXPECT_TRUE(can_lose_nodes("2:4", 3));
    EXPECT_TRUE(can_lose_nodes("3", 4));  // one is a spare
    EXPECT_FALSE(can_lose_nodes("4", 4));
    EXPECT_FALSE(can_lose_nodes("4:4", 4));
    EXPECT_FALSE(can_lose_nodes("2:4", 2));
}

TEST(Outlive, takes_only_a_range_where_the_number_of_nodes_is_not_known) {
    EXPECT_TRUE(can_lose_nodes("2:4", 0));
    EXPECT_FALSE(can_lose_nodes("4:4", 0));
    EXPECT_FALSE(can_lose_nodes("2", 0));
}

TEST(Outlive, makes_nothing_of_what_is_no_number) {
    for (const char* text : {"", ":", ":4", "x", "2:x", "-1:4", "2 :4", "99999999999:4"})
        EXPECT_FALSE(can_lose_nodes(text, 0)) << text;
}

TEST(Outlive, reads_a_batch_script) {
    EXPECT_TRUE(says_no_kill("#!/bin/bash\n#SBATCH --no-kill\n"));
    EXPECT_TRUE(says_no_kill("#SBATCH -N4 --no-kill --time=1:00  # so it lives\nsrun x"));
    EXPECT_TRUE(says_no_kill("#SBATCH -N4\n#SBATCH\t-k"));
    EXPECT_FALSE(says_no_kill(""));
    EXPECT_FALSE(says_no_kill("#SBATCH -N4\nsrun --no-kill x\n# --no-kill\n"));
    EXPECT_FALSE(says_no_kill("#SBATCH --no-kill=off\n#SBATCH --no-killer\n"));
    EXPECT_FALSE(says_no_kill("##SBATCH --no-kill\n"));
}

TEST(CommandLine, tells_what_a_job_is_submitted_with) {
    EXPECT_EQ(scan({"sbatch", "--nnodes=2:4", "job.sh"}).nnodes, "2:4");
    EXPECT_EQ(scan({"salloc", "--nnodes", "2:4", "-N4"}).nnodes, "2:4");
    EXPECT_EQ(scan({"sbatch", "job.sh", "--nnodes=2:4"}).nnodes, std::nullopt);
    EXPECT_TRUE(scan({"sbatch", "--no-kill", "job.sh"}).no_kill);
    EXPECT_TRUE(scan({"sbatch", "-k", "job.sh"}).no_kill);
    EXPECT_TRUE(scan({"sbatch", "-vk", "-N", "4", "job.sh"}).no_kill);
    EXPECT_FALSE(scan({"sbatch", "--no-kill=off", "job.sh"}).no_kill);
    EXPECT_FALSE(scan({"sbatch", "-koff", "job.sh"}).no_kill);
    EXPECT_FALSE(scan({"sbatch", "-K", "job.sh", "-k"}).no_kill);
}

}  // namespace
}  // namespace torchelastic::door
