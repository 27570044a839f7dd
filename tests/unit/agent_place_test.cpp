// Where an agent finds itself, by options and by Slurm's variables.
#include <algorithm>

#include <gtest/gtest.h>

#include "agent/place.h"

namespace torchelastic::agent {
namespace {

using options::Backend;

Environment step(const char* nodes, const char* tasks) {
    return {{"SLURM_JOB_ID", "7"},          {"SLURM_STEP_ID", "2"},
            {"SLURM_STEP_NODELIST", nodes}, {"SLURM_STEP_TASKS_PER_NODE", tasks},
            {"SLURM_NODEID", "1"},          {"SLURM_PROCID", "1"},
            {"SLURM_LOCALID", "0"},         {"SLURMD_NODENAME", "n2"}};
}

struct Case {
    const char* what;
    Backend backend;
    std::optional<options::NodeRange> nnodes;
    Environment environment;
    std::string expected;  // "node min max", or the beginning of an error
};

Environment by_pmix(Environment environment, const char* name) {
    environment["PMIX_NAMESPACE"] = name;
    environment["PMIX_RANK"] = "1";
    return environment;
}

Environment by_plugin(Environment environment) {
    environment["TORCHELASTIC_STEP_SCRIPT"] = "train.py";
    return environment;
}

const Case kCases[] = {
    {"nothing asked for, no Slurm", Backend::choose, {}, {}, "host 1 1"},
    {"a step of four", Backend::choose, {}, step("n[1-4]", "1(x4)"), "n2 4 4"},
    {"MIN:MAX in a step", Backend::choose, {{2, 9}}, step("n[1-4]", "1(x4)"), "n2 2 4"},
    {"spares in a step", Backend::choose, {{2, 2}}, step("n[1-4]", "1(x4)"), "n2 2 2"},
    {"more than there are",
     Backend::choose,
     {{5, 5}},
     step("n[1-4]", "1(x4)"),
     "--nnodes=5: the Slurm step has 4 nodes"},
    {"several without Slurm",
     Backend::choose,
     {{2, 2}},
     {},
     "--nnodes=2: where do the nodes meet? Start it with srun --torchelastic -N2, or say "
     "--rdzv-backend=c10d"},
    {"c10d on several nodes", Backend::c10d, {{1, 4}}, {}, "host 1 4"},
    {"c10d in a step, whose plugin did not start it",
     Backend::c10d,
     {{4, 4}},
     step("n[1-4]", "1(x4)"),
     "host 4 4"},
    {"c10d without an endpoint under the plugin",
     Backend::c10d,
     {{4, 4}},
     by_plugin(step("n[1-4]", "1(x4)")),
     "--rdzv-backend=c10d, etcd, static and --standalone"},
    {"slurm without Slurm",
     Backend::slurm,
     {},
     {},
     "--rdzv-backend=slurm: this is no task of a Slurm step"},
    {"two tasks on a node",
     Backend::choose,
     {},
     step("n[1-4]", "2(x4)"),
     "step 7.2 has 2 tasks on node n1, and one agent serves a whole node"},
    {"standalone by hand in a step of four",
     Backend::standalone,
     {},
     step("n[1-4]", "1(x4)"),
     "host 1 1"},
    {"standalone does not care for what Slurm left behind",
     Backend::standalone,
     {},
     {{"SLURM_STEP_ID", "2"}},
     "host 1 1"},
    {"c10d under the plugin on four nodes",
     Backend::standalone,
     {},
     by_plugin(step("n[1-4]", "1(x4)")),
     "--rdzv-backend=c10d, etcd, static and --standalone"},
    {"srun --mpi=pmix",
     Backend::pmix,
     {{2, 9}},
     by_pmix(step("n[1-4]", "1(x4)"), "slurm.pmix.7.2"),
     "n2 2 4"},
    {"srun --mpi=pmix with too few nodes",
     Backend::pmix,
     {{5, 5}},
     by_pmix(step("n[1-4]", "1(x4)"), "slurm.pmix.7.2"),
     "--nnodes=5: the Slurm step has 4 nodes"},
    {"prterun in a step of its own, whose nodes are not the job's",
     Backend::pmix,
     {{5, 5}},
     by_pmix(step("n[1-4]", "2(x4)"), "prterun-n1-77@1"),
     "host 1 1"},
    {"two tasks on a node, of which PMIx lets one go",
     Backend::pmix,
     {},
     by_pmix(step("n[1-4]", "2(x4)"), "slurm.pmix.7.2"),
     "n2 4 4"},
    {"mpirun, told nothing",
     Backend::choose,
     {{2, 3}},
     {{"PMIX_NAMESPACE", "77@1"}, {"PMIX_RANK", "1"}},
     "host 1 1"},
    {"standalone under mpirun",
     Backend::standalone,
     {},
     {{"PMIX_NAMESPACE", "77@1"}, {"PMIX_RANK", "1"}},
     "host 1 1"},
    {"pmix without PMIx",
     Backend::pmix,
     {},
     step("n[1-4]", "1(x4)"),
     "--rdzv-backend=pmix: not started under a PMIx launcher"},
};

TEST(Place, is_found_or_the_reason_said) {
    for (const Case& each : kCases) {
        options::Options options;
        options.rdzv_backend = each.backend;
        options.nnodes = each.nnodes;
        const auto place = find_place(options, each.environment, "host");
        const std::string found = place ? place->node + " " + std::to_string(place->min_nodes) +
                                              " " + std::to_string(place->max_nodes)
                                        : place.error().text();
        EXPECT_TRUE(found.starts_with(each.expected)) << each.what << ": " << found;
    }
}

TEST(Place, counts_the_nodes_that_only_the_meeting_tells) {
    options::Options options;
    options.rdzv_backend = Backend::pmix;
    options.nnodes = {2, 9};
    auto place = find_place(options, by_pmix({}, "prterun-n1-77@1"), "host");
    ASSERT_TRUE(place) << place.error().text();
    ASSERT_TRUE(count_nodes(*place, options, 4));
    EXPECT_EQ(place->min_nodes, 2);
    EXPECT_EQ(place->max_nodes, 4);
    EXPECT_EQ(count_nodes(*place, options, 1).error().text(),
              "--nnodes=2: the PMIx launcher's job has 1 node");
}

TEST(Place, says_how_nodes_meet_if_nobody_asked_for_that) {
    options::Options options;
    const Environment in_pmix = by_pmix(step("n[1-4]", "1(x4)"), "slurm.pmix.7.2");
    auto chosen = find_place(options, in_pmix, "host");
    ASSERT_TRUE(chosen) << chosen.error().text();
    EXPECT_EQ(chosen->backend, Backend::pmix);
    EXPECT_TRUE(chosen->note.starts_with("the agents met through PMIx")) << chosen->note;
    options.rdzv_backend = Backend::pmix;
    EXPECT_EQ(find_place(options, in_pmix, "host")->note, "");
    EXPECT_EQ(find_place({}, step("n[1-4]", "1(x4)"), "host")->note, "");
}

TEST(Place, does_without_pmix_where_the_step_has_a_token) {
    options::Options options;
    options.rdzv_backend = Backend::pmix;
    Environment environment = step("n[1-4]", "1(x4)");
    EXPECT_FALSE(find_place(options, environment, "host"));
    environment["TORCHELASTIC_STEP_TOKEN"] = "secret";
    const auto place = find_place(options, environment, "host");
    ASSERT_TRUE(place) << place.error().text();
    EXPECT_EQ(place->backend, Backend::slurm);
    EXPECT_TRUE(place->note.starts_with("--rdzv-backend=pmix: not started under a PMIx launcher"))
        << place->note;
    EXPECT_TRUE(place->note.ends_with(kWithoutPmix)) << place->note;
}

TEST(Place, takes_the_token_of_the_plugin_else_the_users) {
    Environment environment = step("n[1-4]", "1(x4)");
    environment["TORCHELASTIC_TOKEN"] = "mine";
    EXPECT_EQ(find_place({}, environment, "host")->allocation->token, "mine");
    environment["TORCHELASTIC_STEP_TOKEN"] = "the plugin's";
    EXPECT_EQ(find_place({}, environment, "host")->allocation->token, "the plugin's");
}

TEST(StaticPorts, are_the_eight_behind_the_master_port) {
    options::Options options;
    EXPECT_EQ(static_ports(options).front(), 29501);
    options.master_port = 65527;
    EXPECT_EQ(static_ports(options).back(), 65535);
    EXPECT_EQ(static_ports(options).size(), 8U);
}

TEST(StaticPorts, are_before_it_where_none_are_behind) {
    for (const int port : {65528, 65535}) {
        options::Options options;
        options.master_port = static_cast<std::uint16_t>(port);
        EXPECT_EQ(static_ports(options).front(), port - 1);
        EXPECT_EQ(static_ports(options).back(), port - 8);
    }
}

TEST(StaticPorts, of_a_range_are_the_same_on_all_nodes_and_leave_the_store_its_own) {
    options::Options options;
    options.master_port = 31002;
    options.rdzv_conf.port_range = {31000, 31003};
    options::Options second = options;
    second.node_rank = 1;
    auto ports = static_ports(options);
    EXPECT_EQ(static_ports(second), ports);
    std::sort(ports.begin(), ports.end());
    EXPECT_EQ(ports, (std::vector<std::uint16_t>{31000, 31001, 31003}));
    options.master_port.reset();
    options.rdzv_conf.port_range = {29500, 29500};
    EXPECT_EQ(static_ports(options), (std::vector<std::uint16_t>{29500}));
}

}  // namespace
}  // namespace torchelastic::agent
