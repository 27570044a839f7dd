// What an agent makes of those it has met.
#include <gtest/gtest.h>

#include "agent/part.h"

namespace torchelastic::agent {
namespace {

using coordinator::Membership;
using options::Options;

rdzv::Meeting met(Membership membership, std::vector<std::string> expected,
                  std::string run_id = "7.2.0") {
    rdzv::Meeting meeting;
    meeting.id = membership == Membership::known ? "n1" : "n1/77";
    meeting.membership = membership;
    meeting.expected = std::move(expected);
    meeting.credentials.run_id = std::move(run_id);
    return meeting;
}

Place place(int min_nodes, int max_nodes) {
    Place place;
    place.node = "n1";
    place.min_nodes = min_nodes;
    place.max_nodes = max_nodes;
    return place;
}

Part part(const rdzv::Meeting& meeting, const Options& options = {},
          const Environment& environment = {}) {
    return choose_part(options, environment, place(1, 4), meeting, "fresh");
}

struct Case {
    const char* what;
    std::vector<std::string> expected;
    Environment environment;
    Membership membership;
    bool alone;
    bool own_console;
};

const Case kCases[] = {
    {"nobody to meet", {"n1"}, {}, Membership::known, true, false},
    {"a step of one node", {"n1"}, {{"SLURM_STEP_ID", "2"}}, Membership::known, true, false},
    {"a step of two", {"n1", "n2"}, {{"SLURM_STEP_ID", "2"}}, Membership::known, false, false},
    {"prterun, whose console is one", {"n1", "n2"}, {}, Membership::known, false, false},
    {"c10d, of which one has come", {}, {}, Membership::open, false, true},
    {"static", {}, {}, Membership::ranked, false, true},
    {"c10d in a step: srun's console",
     {},
     {{"SLURM_STEP_ID", "2"}},
     Membership::open,
     false,
     false},
    {"c10d in a batch script's shell", {}, {{"SLURM_JOB_ID", "7"}}, Membership::open, false, true},
};

TEST(Part, says_who_is_alone_and_whose_console_is_his_own) {
    for (const Case& each : kCases) {
        const Part part = agent::part(met(each.membership, each.expected), {}, each.environment);
        EXPECT_EQ(part.alone, each.alone) << each.what;
        EXPECT_EQ(part.own_console, each.own_console) << each.what;
        EXPECT_TRUE(part.host) << each.what;
    }
}

TEST(Part, has_the_master_port_where_the_first_ranks_store_is) {
    struct {
        const char* what;
        Membership membership;
        std::vector<std::string> expected;
        int node_rank;
        std::optional<std::uint16_t> port;
    } const cases[] = {
        {"one node", Membership::known, {"n1"}, 0, 29500},
        {"one node that calls itself the second", Membership::known, {"n1"}, 1, 29500},
        {"the first of several", Membership::ranked, {}, 0, 29500},
        {"the second of several", Membership::ranked, {}, 1, std::nullopt},
    };
    for (const auto& each : cases) {
        Options options;
        options.master_port = 29500;
        options.node_rank = each.node_rank;
        EXPECT_EQ(part(met(each.membership, each.expected), options).master_port, each.port)
            << each.what;
        options.master_port.reset();
        EXPECT_EQ(part(met(each.membership, each.expected), options).master_port, std::nullopt);
    }
}

TEST(Part, calls_the_run_as_the_user_does_else_as_the_meeting_does) {
    Options named;
    named.rdzv_id = "job1";
    Options nameless;
    nameless.rdzv_id = "";
    const auto step = met(Membership::known, {"n1", "n2"});
    EXPECT_EQ(part(step, named).plan.run_id, "job1");
    EXPECT_EQ(part(step, nameless).plan.run_id, "7.2.0");
    EXPECT_EQ(part(step).plan.run_id, "7.2.0");
    EXPECT_EQ(part(met(Membership::known, {"n1"}, "")).plan.run_id, "fresh");
    EXPECT_EQ(part(met(Membership::known, {"n1"}, ""), named).plan.run_id, "job1");
}

TEST(Part, has_a_folder_of_its_own_where_nodes_may_share_the_disk) {
    EXPECT_EQ(part(met(Membership::known, {"n1"})).folder, "7.2.0");
    EXPECT_EQ(part(met(Membership::known, {"n1", "n2"})).folder, "7.2.0_n1");
    EXPECT_EQ(part(met(Membership::open, {})).folder, "7.2.0_n1");
    rdzv::Meeting twin = met(Membership::known, {"n1", "n1.1"});
    twin.id = "n1.1";
    EXPECT_EQ(part(twin).folder, "7.2.0_n1.1");
}

TEST(Part, counts_the_nodes_where_they_are_known) {
    Options options;
    options.nnodes = options::NodeRange{3, 9};
    const Part enough = part(met(Membership::known, {"n1", "n2", "n3", "n4"}), options);
    EXPECT_EQ(enough.trouble, std::nullopt);
    EXPECT_EQ(enough.plan.min_nodes, 3);
    EXPECT_EQ(enough.plan.max_nodes, 4);
    const Part few = part(met(Membership::known, {"n1", "n2"}), options);
    EXPECT_TRUE(few.trouble && few.trouble->starts_with("--nnodes=3: "));
    const Part open = part(met(Membership::open, {}), options);
    EXPECT_EQ(open.trouble, std::nullopt);
    EXPECT_EQ(open.plan.min_nodes, 1);  // the place's
    EXPECT_EQ(open.plan.max_nodes, 4);
}

TEST(Part, hands_the_users_limits_to_the_coordinator) {
    Options options;
    options.max_restarts = 5;
    options.shutdown_timeout = std::chrono::seconds(10);
    options.rdzv_conf.join_timeout = std::chrono::seconds(11);
    options.rdzv_conf.last_call_timeout = std::chrono::seconds(12);
    const auto plan = part(met(Membership::ranked, {}), options).plan;
    EXPECT_EQ(plan.membership, Membership::ranked);
    EXPECT_EQ(plan.max_restarts, 5);
    EXPECT_EQ(plan.join_timeout, std::chrono::seconds(11));
    EXPECT_EQ(plan.last_call_timeout, std::chrono::seconds(12));
    EXPECT_GT(plan.end_timeout, std::chrono::seconds(10));
}

}  // namespace
}  // namespace torchelastic::agent
