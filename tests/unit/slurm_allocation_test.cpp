// Slurm's environment, whole and broken.
#include <gtest/gtest.h>

#include "slurm/allocation.h"

namespace torchelastic::slurm {
namespace {

Environment step() {
    return {
        {"SLURM_JOB_ID", "42"},
        {"SLURM_STEP_ID", "3"},
        {"SLURM_STEP_NODELIST", "n[1,3-4]"},
        {"SLURM_STEP_TASKS_PER_NODE", "1(x3)"},
        {"SLURM_NODEID", "1"},
        {"SLURMD_NODENAME", "n3"},
    };
}

Environment step_with(const char* name, const char* value) {
    Environment environment = step();
    environment[name] = value;
    return environment;
}

TEST(Allocation, is_the_step_seen_from_one_node) {
    const auto read = read_allocation(step());
    ASSERT_TRUE(read) << read.error().text();
    ASSERT_TRUE(*read);
    const Allocation& a = **read;
    EXPECT_EQ(a.run_id, "42.3.0");
    EXPECT_EQ(a.nodes, (std::vector<std::string>{"n1", "n3", "n4"}));
    EXPECT_EQ(a.index, 1U);
    EXPECT_EQ(a.node, "n3");
    EXPECT_EQ(a.tasks, (std::vector<std::size_t>{1, 1, 1}));
    EXPECT_EQ(a.address, "");
    EXPECT_EQ(a.token, "");
    EXPECT_FALSE(a.ends);
    EXPECT_TRUE(one_task_per_node(a));
}

TEST(Allocation, of_a_requeued_job_is_another_run) {
    EXPECT_EQ((*read_allocation(step_with("SLURM_RESTART_COUNT", "2")))->run_id, "42.3.2");
    EXPECT_EQ((*read_allocation(step_with("SLURM_RESTART_COUNT", "")))->run_id, "42.3.0");
}

TEST(Allocation, carries_what_the_plugin_hands_on) {
    Environment environment = step_with("TORCHELASTIC_STEP_ADDRESS", "10.0.0.1");
    environment["TORCHELASTIC_STEP_TOKEN"] = "c0ffee";
    const auto read = read_allocation(environment);
    EXPECT_EQ((*read)->address, "10.0.0.1");
    EXPECT_EQ((*read)->token, "c0ffee");
}

TEST(Allocation, knows_when_the_job_ends_if_slurm_says_so) {
    const auto ends = [](const char* text) {
        return (*read_allocation(step_with("SLURM_JOB_END_TIME", text)))->ends;
    };
    EXPECT_EQ(ends("1795159681"), WallTime(std::chrono::seconds(1795159681)));
    for (const char* text : {"", "0", "-1", "4294967294", "4294967295", "soon", "UNLIMITED"}) {
        EXPECT_FALSE(ends(text)) << text;
    }
}

// As measured with Slurm 22.05 on the last node of "srun --het-group=0,1".
TEST(Allocation, of_a_heterogeneous_job_is_one) {
    const auto read = read_allocation({
        {"SLURM_HET_SIZE", "2"},
        {"SLURM_JOB_ID", "33"},
        {"SLURM_JOB_ID_HET_GROUP_0", "33"},
        {"SLURM_JOB_ID_HET_GROUP_1", "34"},
        {"SLURM_STEP_ID", "0"},
        {"SLURM_STEP_NODELIST", "n[1-3]"},
        {"SLURM_STEP_TASKS_PER_NODE", "1(x3)"},
        {"SLURM_TASKS_PER_NODE_HET_GROUP_0", "1"},
        {"SLURM_NODEID", "2"},
        {"SLURMD_NODENAME", "n3"},
    });
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ((*read)->run_id, "33.0.0");
    EXPECT_EQ((*read)->node, "n3");
}

Environment step_over_components(const char* kind, const char* first, const char* second) {
    Environment environment = step();
    environment["SLURM_HET_SIZE"] = "2";
    environment[std::string("SLURM_JOB_NODELIST_") + kind + "_GROUP_0"] = first;
    environment[std::string("SLURM_JOB_NODELIST_") + kind + "_GROUP_1"] = second;
    return environment;
}

// As measured with Slurm 22.05 on "srun -w n3 a : -w n1,n4 b", whose list of nodes is sorted.
TEST(Allocation, counts_nodes_component_by_component) {
    for (const char* kind : {"HET", "PACK"}) {
        Environment environment = step_over_components(kind, "n3", "n[1,4]");
        environment["SLURM_NODEID"] = "0";
        const auto read = read_allocation(environment);
        ASSERT_TRUE(read) << read.error().text();
        EXPECT_EQ((*read)->nodes, (std::vector<std::string>{"n3", "n1", "n4"}));
        EXPECT_EQ((*read)->index, 0U);
    }
}

TEST(Allocation, of_one_component_knows_its_nodes_only) {
    const auto read = read_allocation(step_over_components("HET", "n[7-9]", "n[1-5]"));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ((*read)->nodes, (std::vector<std::string>{"n1", "n3", "n4"}));
}

TEST(Allocation, keeps_the_list_s_order_where_components_are_not_told) {
    for (const char* second : {"n1", "n[1-", ""}) {
        const auto read = read_allocation(step_over_components("HET", "n3", second));
        ASSERT_TRUE(read) << read.error().text();
        EXPECT_EQ((*read)->nodes, (std::vector<std::string>{"n1", "n3", "n4"})) << second;
    }
    EXPECT_TRUE(read_allocation(step_with("SLURM_HET_SIZE", "4294967295")));
}

// sbatch hands the variables of the step it is called in on to the new job.
TEST(Allocation, left_over_from_another_job_is_told_apart) {
    const auto read = read_allocation(step_with("SLURMD_NODENAME", "n7"));
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().text().find("unset SLURM_STEP_ID"), std::string::npos);
}

TEST(Allocation, is_absent_where_there_are_no_tasks) {
    const Environment kCases[] = {
        {},
        {{"SLURM_JOB_ID", "42"}, {"SLURM_NODELIST", "n[1-2]"}},  // sbatch, salloc
        step_with("SLURM_STEP_ID", ""),
        step_with("SLURM_STEP_ID", "4294967290"),  // interactive
        step_with("SLURM_STEP_ID", "4294967291"),  // batch
        step_with("SLURM_STEP_ID", "4294967292"),  // extern
        step_with("SLURM_STEP_ID", "-6"),          // interactive, as 26.05 writes it
    };
    for (const Environment& environment : kCases) {
        const auto read = read_allocation(environment);
        ASSERT_TRUE(read) << read.error().text();
        EXPECT_FALSE(*read);
    }
}

struct Broken {
    const char* name;
    const char* value;
    const char* words;
};

TEST(Allocation, that_is_broken_says_how) {
    const Broken kCases[] = {
        {"SLURM_STEP_ID", "x", "SLURM_STEP_ID='x' is not a count"},
        {"SLURM_STEP_ID", "-17", "SLURM_STEP_ID='-17' is not a count"},
        {"SLURM_STEP_ID", "4294967296", "is not a count"},
        {"SLURM_JOB_ID", "", "SLURM_JOB_ID is not set"},
        {"SLURM_JOB_ID", "4\n2", "SLURM_JOB_ID='4\\x0a2' is not a count"},
        {"SLURM_RESTART_COUNT", "many", "SLURM_RESTART_COUNT='many' is not a count"},
        {"SLURM_STEP_NODELIST", "", "SLURM_STEP_NODELIST is not set"},
        {"SLURM_STEP_NODELIST", "n[1-", "SLURM_STEP_NODELIST: read the list of nodes 'n[1-'"},
        {"SLURM_STEP_NODELIST", "n[0-99999999]", "more than 65536 nodes"},
        {"SLURM_NODEID", "", "SLURM_NODEID is not set"},
        {"SLURM_NODEID", "3", "SLURM_NODEID=3 is beyond the 3 nodes"},
        {"SLURM_NODEID", "2", "SLURMD_NODENAME=n3 but"},
        {"SLURMD_NODENAME", "other", "SLURMD_NODENAME=other but"},
        {"SLURM_STEP_TASKS_PER_NODE", "", "does not tell the tasks of 3 nodes"},
        {"SLURM_STEP_TASKS_PER_NODE", "1", "does not tell the tasks of 3 nodes"},
        {"SLURM_STEP_TASKS_PER_NODE", "1(x4)", "does not tell"},
        {"SLURM_STEP_TASKS_PER_NODE", "1(x3),1", "does not tell"},
        {"SLURM_STEP_TASKS_PER_NODE", "1(x99999999999)", "does not tell"},
        {"SLURM_STEP_TASKS_PER_NODE", "1(x3", "does not tell"},
        {"SLURM_STEP_TASKS_PER_NODE", "1(x)", "does not tell"},
        {"SLURM_STEP_TASKS_PER_NODE", "(x3)", "does not tell"},
        {"SLURM_STEP_TASKS_PER_NODE", "1,1,0", "does not tell"},
        {"SLURM_STEP_TASKS_PER_NODE", "1,1,", "does not tell"},
    };
    for (const Broken& c : kCases) {
        const auto read = read_allocation(step_with(c.name, c.value));
        ASSERT_FALSE(read) << c.name << "=" << c.value;
        EXPECT_TRUE(read.error().text().starts_with("read the Slurm step")) << read.error().text();
        EXPECT_NE(read.error().text().find(c.words), std::string::npos) << read.error().text();
    }
}

TEST(Allocation, with_several_tasks_on_a_node_says_what_to_do) {
    const auto read = read_allocation(step_with("SLURM_STEP_TASKS_PER_NODE", "1(x2),8"));
    ASSERT_TRUE(read);
    EXPECT_EQ((*read)->tasks, (std::vector<std::size_t>{1, 1, 8}));
    const auto checked = one_task_per_node(**read);
    ASSERT_FALSE(checked);
    EXPECT_NE(checked.error().text().find("8 tasks on node n4"), std::string::npos);
    EXPECT_NE(checked.error().text().find("use --ntasks-per-node=1"), std::string::npos);
}

struct Gpus {
    const char* words;
    Environment environment;
    std::optional<std::size_t> gpus;
};

TEST(Gpus, are_counted_by_what_this_node_was_given) {
    const Gpus kCases[] = {
        {"nothing is known", {}, std::nullopt},
        {"only the job's numbers, which lie",
         {{"SLURM_JOB_GPUS", "0,1"}, {"SLURM_GPUS", "8"}, {"SLURM_GPUS_PER_NODE", "4"}},
         std::nullopt},
        {"the node's number", {{"SLURM_GPUS_ON_NODE", "2"}}, 2},
        {"none on the node", {{"SLURM_GPUS_ON_NODE", "0"}}, 0},
        {"a broken number", {{"SLURM_GPUS_ON_NODE", "two"}}, std::nullopt},
    };
    for (const Gpus& c : kCases)
        EXPECT_EQ(gpus_on_node(c.environment), c.gpus) << c.words;
}

}  // namespace
}  // namespace torchelastic::slurm
