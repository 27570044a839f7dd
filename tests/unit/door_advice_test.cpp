// Shares of a node, meant and not meant.
#include <gtest/gtest.h>

#include "spank/advice.h"

namespace torchelastic::door {
namespace {

constexpr std::nullopt_t kUnknown = std::nullopt;

struct Case {
    const char* words;
    Share share;
    const char* line;  ///< a part of the only line; null where there is none
};

std::string text(const std::vector<std::string>& lines) {
    std::string all;
    for (const std::string& line : lines)
        all += line + '\n';
    return all;
}

TEST(Advice, is_given_for_mistakes_only) {
    const Case kCases[] = {
        {"nothing is known", {"n1", "", "", kUnknown, kUnknown, kUnknown, kUnknown, kUnknown}, {}},
        {"the whole node", {"n1", "exact", "4", 8, 8, 4, 4, 4}, {}},
        {"a half, and enough", {"n1", "exact,cpus-per-task", "2", 4, 8, 2, 2, 4}, {}},
        {"fewer GPUs, as asked for", {"n1", "", "gpu", 8, 8, 1, 1, 4}, {}},
        {"more workers than GPUs, as asked for", {"n1", "", "8", 8, 8, 4, 4, 4}, {}},
        {"a small job", {"n1", "", "4", 1, 1, kUnknown, kUnknown, kUnknown}, {}},
        {"one worker, one core", {"n1", "exact", "", 1, 8, kUnknown, kUnknown, kUnknown}, {}},
        {"one worker beside four GPUs", {"n1", "exact", "", 1, 8, 4, 4, 4}, {}},
        {"as many workers as cores", {"n1", "exact", "cpu", 1, 8, 4, 4, 4}, {}},
        {"--exact",
         {"n1", "exact", "4", 1, 8, kUnknown, kUnknown, kUnknown},
         "4 workers share 1 CPU core of the job's 8 on node n1: --exact counts"},
        {"--exclusive of a step",
         {"n1", "exclusive", "4", 1, 8, kUnknown, kUnknown, kUnknown},
         "srun's --exclusive, which implies --exact, counts for the agent alone; leave it out or"},
        {"-c",
         {"n1", "cpus-per-task", "gpu", 2, 8, 4, 4, 4},
         "4 workers share 2 CPU cores of the job's 8 on node n1: --cpus-per-task (-c) counts"},
        {"a share from somewhere else",
         {"n1", "", "4", 1, 8, kUnknown, kUnknown, kUnknown},
         "SLURM_EXACT or the like counts"},
        {"one GPU for the task",
         {"n1", "gpus-per-task", "gpu", 8, 8, 1, 1, 4},
         "--gpus-per-task counts for the agent, the one task of node n1, which has 1 GPU: use "
         "--gpus-per-node=4"},
        {"one GPU for four workers",
         {"n1", "tres-per-task", "4", 8, 8, 1, 1, kUnknown},
         "--tres-per-task counts for the agent, the one task of node n1, which has 1 GPU: use "
         "--gpus-per-node=4"},
        {"four GPUs for the task", {"n1", "gpus-per-task", "4", 8, 8, 4, 4, 4}, {}},
        {"GPUs in use",
         {"n1", "overlap", "gpu", 8, 8, 1, 1, 4},
         "the step has 1 of the job's 4 GPUs on node n1: another step holds the others"},
        {"--gpu-bind",
         {"n1", "gpu-bind", "gpu", 8, 8, 4, 1, 4},
         "the agent of node n1 sees 1 of the step's 4 GPUs there: --gpu-bind hides the others"},
    };
    for (const Case& c : kCases) {
        const auto lines = advice(c.share);
        EXPECT_EQ(lines.size(), c.line ? 1U : 0U) << c.words << ": " << text(lines);
        const std::string line = c.line != nullptr ? c.line : "";
        EXPECT_NE(text(lines).find(line), std::string::npos) << text(lines);
    }
}

TEST(Advice, counts_what_slurm_lists) {
    EXPECT_EQ(count_list(""), 0);
    EXPECT_EQ(count_list("3"), 1);
    EXPECT_EQ(count_list("0-3,8"), 5);
    EXPECT_EQ(count_list("0,1,2"), 3);
    EXPECT_EQ(count_list("GPU-5d2f-11,MIG-87aa"), 2);
    EXPECT_EQ(count_list("3-0"), 1);
    EXPECT_EQ(count_list(",,-,"), 1);
}

}  // namespace
}  // namespace torchelastic::door
