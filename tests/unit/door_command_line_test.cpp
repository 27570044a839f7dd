// srun's own command line, told apart from the program's.
#include <gtest/gtest.h>

#include "spank/command_line.h"

namespace torchelastic::door {
namespace {

struct Line {
    std::vector<std::string> arguments;
    std::optional<bool> elastic;
};

TEST(CommandLine, is_srun_s_own_and_not_the_program_s) {
    const Line kCases[] = {
        {{}, std::nullopt},
        {{"hostname"}, std::nullopt},
        {{"--torchelastic", "train.py"}, true},
        {{"--torchelastic=off", "train.py"}, false},
        {{"--torchelastic=on"}, true},
        {{"--torchel", "train.py"}, true},
        {{"--torchelastics", "train.py"}, std::nullopt},
        {{"--to=off", "train.py"}, false},
        {{"-N", "4", "--torchelastic", "train.py"}, true},
        {{"-N4", "--torchelastic", "train.py"}, true},
        {{"-lN", "4", "--torchelastic", "train.py"}, true},
        {{"--nodes", "4", "-l", "--mem=1G", "--torchelastic", "train.py"}, true},
        {{"--label", "--torchelastic", "train.py"}, true},
        {{"--torchelastic", "--torchelastic=off", "train.py"}, false},
        {{"hostname", "--torchelastic"}, std::nullopt},
        {{"-N4", "hostname", "--torchelastic"}, std::nullopt},
        {{"-N", "4", "hostname", "--torchelastic"}, std::nullopt},
        {{"-K0", "hostname", "--torchelastic"}, std::nullopt},
        {{"-lK", "hostname", "--torchelastic"}, std::nullopt},
        {{"-vl", "hostname", "--torchelastic"}, std::nullopt},
        {{"--label", "hostname", "--torchelastic"}, std::nullopt},
        {{"--module", "hostname", "--torchelastic"}, std::nullopt},
        {{"--nodes=4", "hostname", "--torchelastic"}, std::nullopt},
        {{"--", "--torchelastic"}, std::nullopt},
        {{"-", "--torchelastic"}, std::nullopt},
        {{"--stepmgr", "--oom-kill-step", "python", "--torchelastic"}, std::nullopt},
        {{"--container-mount-home", "python", "--torchelastic"}, std::nullopt},
        {{"--lab", "python", "--torchelastic"}, std::nullopt},
        {{"--unbuf", "--verb", "python", "--torchelastic"}, std::nullopt},
        {{"--no-py", "--mod", "--run-p", "--virt", "python", "--torchelastic"}, std::nullopt},
        {{"--no-container-e", "python", "--torchelastic"}, std::nullopt},
        {{"--nproc", "2", "--torchelastic", "python"}, true},
        {{"--wait", "0", "--torchelastic", "python"}, true},
        {{"--container", "path", "--torchelastic", "python"}, true},
        {{"--gpus", "4", "--torchelastic", "python"}, true},
        {{"--container-image", "image", "--torchelastic", "python"}, true},
    };
    for (const Line& c : kCases) {
        std::vector<std::string> arguments{"srun"};
        arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
        EXPECT_EQ(scan(arguments).elastic, c.elastic) << testing::PrintToString(c.arguments);
    }
}

TEST(CommandLine, tells_of_multi_prog) {
    EXPECT_TRUE(scan({"srun", "--torchelastic", "--multi-prog", "file"}).multi_prog);
    EXPECT_TRUE(scan({"srun", "-n", "2", "--multi", "file"}).multi_prog);
    EXPECT_FALSE(scan({"srun", "prog", "--multi-prog"}).multi_prog);
    EXPECT_FALSE(scan({"srun", "--no-python", "--lab", "prog", "--multi-prog"}).multi_prog);
    EXPECT_FALSE(scan({}).multi_prog);
}

TEST(CommandLine, tells_of_a_number_of_tasks) {
    const std::vector<std::string> kWith[] = {{"srun", "-n4", "prog"},
                                              {"srun", "-n", "4", "prog"},
                                              {"srun", "-ln4", "prog"},
                                              {"srun", "--ntasks=4", "prog"},
                                              {"srun", "--ntasks", "4", "prog"},
                                              {"srun", "--ntasks-per-gpu=1", "prog"},
                                              {"srun", "--ntasks-per-g", "1", "prog"}};
    for (const auto& line : kWith)
        EXPECT_TRUE(scan(line).tasks) << testing::PrintToString(line);
    const std::vector<std::string> kWithout[] = {{"srun", "-N4", "prog", "-n4"},
                                                 {"srun", "--ntasks-per-node=1", "prog"},
                                                 {"srun", "-Jn4", "prog"}};
    for (const auto& line : kWithout)
        EXPECT_FALSE(scan(line).tasks) << line[1];
}

TEST(CommandLine, tells_of_options_that_share_a_node) {
    EXPECT_EQ(scan({"srun", "--exact", "--exclusive", "-c4", "prog", "--overlap"}).shares,
              "exact,exclusive,cpus-per-task");
    EXPECT_EQ(scan({"srun", "-c", "4", "prog", "-c4"}).shares, "cpus-per-task");
    EXPECT_EQ(scan({"srun", "--gpus-per-task", "1", "--gpu-bind=none", "prog"}).shares,
              "gpus-per-task,gpu-bind");
    EXPECT_EQ(scan({"srun", "--overl", "--exclus", "--cpus-per-t", "4", "prog"}).shares,
              "overlap,exclusive,cpus-per-task");
    EXPECT_EQ(scan({"srun", "--gpus=4", "prog"}).shares, "");
    EXPECT_EQ(scan({"srun", "-N4", "--gpus-per-node=1", "prog"}).shares, "");
}

TEST(CommandLine, tells_of_a_step_that_is_not_of_the_whole_job) {
    for (const char* word : {"-N1", "-wn1", "-G4", "--nodes=1", "--nodel=n1", "--gpus=4",
                             "--gpus-per-n=1", "--gres=gpu:1", "--rela=1"}) {
        EXPECT_TRUE(scan({"srun", word, "prog"}).sized) << word;
        EXPECT_FALSE(scan({"srun", "--lab", "prog", word}).sized) << word;
    }
    EXPECT_FALSE(scan({"srun", "--torchelastic", "--nproc-per-node=gpu", "-c4", "prog"}).sized);
}

TEST(CommandLine, tells_of_the_rendezvous) {
    EXPECT_EQ(scan({"srun", "--rdzv-backend=pmix", "prog"}).rdzv_backend, "pmix");
    EXPECT_EQ(scan({"srun", "--rdzv-backend", "pmix", "prog"}).rdzv_backend, "pmix");
    EXPECT_EQ(scan({"srun", "--rdzv-b=pmix", "prog"}).rdzv_backend, "pmix");
    EXPECT_EQ(scan({"srun", "--rdzv-b", "pmix", "prog"}).rdzv_backend, "pmix");
    EXPECT_EQ(scan({"srun", "--nno", "2:4", "prog"}).nnodes, "2:4");
    EXPECT_FALSE(scan({"srun", "prog", "--rdzv-backend=pmix"}).rdzv_backend);
}

TEST(CommandLine, tells_of_salloc_s_own_shell) {
    EXPECT_TRUE(scan({"srun", "--interactive", "--preserve-env", "--pty", "bash"}).interactive);
    EXPECT_FALSE(scan({"srun", "bash", "--interactive"}).interactive);
}

}  // namespace
}  // namespace torchelastic::door
