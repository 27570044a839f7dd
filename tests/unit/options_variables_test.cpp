// From the environment to Options: which variable counts when, and the door of srun --torchelastic.
#include <csignal>
#include <string>

#include <gtest/gtest.h>

#include "options/parser.h"
#include "options_words.h"

namespace torchelastic::options {
namespace {

using namespace std::chrono_literals;

TEST(Variables, are_defaults) {
    const Variables all = {{"PET_NNODES", "2:3"},     {"PET_NPROC_PER_NODE", "cpu"},
                           {"PET_MAX_RESTARTS", "4"}, {"PET_MODULE", "1"},
                           {"PET_REDIRECTS", "3"},    {"PET_TEE", "1"},
                           {"PET_ROLE", "r"},         {"PET_RDZV_CONF", "join_timeout=9"}};
    const Options o = options({"a"}, all);
    EXPECT_EQ(o.nnodes, (NodeRange{2, 3}));
    EXPECT_EQ(o.nproc_per_node.from, WorkersPerNode::From::cpus);
    EXPECT_EQ(o.max_restarts, 4);
    EXPECT_TRUE(o.module);
    EXPECT_EQ(o.redirects.all, (Streams{true, true}));
    EXPECT_EQ(o.tee.all, (Streams{true, false}));
    EXPECT_EQ(o.role, "r");
    EXPECT_EQ(o.rdzv_conf.join_timeout, 9s);

    const Options given = options({"--nnodes=1", "--role=", "--max-restarts", "0", "a"}, all);
    EXPECT_EQ(given.nnodes, (NodeRange{1, 1}));
    EXPECT_EQ(given.role, "");
    EXPECT_EQ(given.max_restarts, 0);
}

TEST(Variables, of_flags_take_numbers_and_words) {
    for (const char* yes : {"1", "2", "-1", "true", "Yes"}) {
        EXPECT_TRUE(options({"a"}, {{"PET_NO_PYTHON", yes}}).no_python) << yes;
    }
    for (const char* no : {"0", "false", "No"}) {
        EXPECT_FALSE(options({"a"}, {{"PET_NO_PYTHON", no}}).no_python) << no;
    }
    EXPECT_TRUE(options({"-m", "a"}, {{"PET_MODULE", "0"}}).module);
    EXPECT_EQ(error({"a"}, {{"PET_STANDALONE", ""}}),
              "argument --standalone (PET_STANDALONE): '' is neither true (1) nor false (0)");
    EXPECT_EQ(error({"a"}, {{"PET_MODULE", "maybe"}}),
              "argument -m/--module (PET_MODULE): 'maybe' is neither true (1) nor false (0)");
}

TEST(Variables, are_checked_like_options) {
    EXPECT_EQ(error({"a"}, {{"PET_MAX_RESTARTS", ""}}),
              "argument --max-restarts/--max_restarts (PET_MAX_RESTARTS): invalid int value: ''");
    EXPECT_EQ(error({"a"}, {{"PET_MONITOR_INTERVAL", "x"}}),
              "argument --monitor-interval/--monitor_interval (PET_MONITOR_INTERVAL): invalid "
              "float value: 'x'");
    EXPECT_EQ(error({"a"}, {{"PET_START_METHOD", "thread"}}),
              "argument --start-method/--start_method (PET_START_METHOD): invalid choice: 'thread' "
              "(choose from 'spawn', 'fork', 'forkserver')");
    // What the command line overrides is not looked at.
    EXPECT_EQ(options({"--max-restarts=1", "a"}, {{"PET_MAX_RESTARTS", "x"}}).max_restarts, 1);
}

TEST(Variables, of_torchelastic_come_after_those_of_torchrun) {
    const Variables both = {{"TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "7"},
                            {"TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE", "$rank|"}};
    EXPECT_EQ(options({"a"}, both).shutdown_timeout, 7s);
    EXPECT_EQ(options({"a"}, both).log_line_prefix_template, "$rank|");
    EXPECT_EQ(options({"--shutdown-timeout=8", "a"}, both).shutdown_timeout, 8s);
    EXPECT_EQ(options({"--log-line-prefix-template=x", "a"}, both).log_line_prefix_template, "x");
    EXPECT_EQ(
        options({"a"}, {{"TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "7"}, {"PET_SHUTDOWN_TIMEOUT", "9"}})
            .shutdown_timeout,
        9s);
    EXPECT_EQ(error({"a"}, {{"TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "-1"}}),
              "TORCH_ELASTIC_SHUTDOWN_TIMEOUT: '-1' must be 0 or more");
}

TEST(Variables, that_are_empty_give_no_nodes_and_no_backend) {
    const Variables empty = {{"PET_NNODES", ""}, {"PET_RDZV_BACKEND", ""}, {"PET_LOG_DIR", ""}};
    EXPECT_EQ(options({"a"}, empty).nnodes, std::nullopt);
    EXPECT_EQ(options({"a"}, empty).rdzv_backend, Backend::choose);
    EXPECT_EQ(options({"a"}, empty).log_dir, std::nullopt);
}

TEST(Step, leaves_every_argument_to_the_script) {
    const auto o = parse_step("train.py", {"--nnodes", "9", "--help", "--"},
                              environment({{"PET_NNODES", "2"}, {"PET_NO_PYTHON", "1"}}));
    ASSERT_TRUE(o) << o.error().text();
    EXPECT_EQ(o->nnodes, (NodeRange{2, 2}));
    EXPECT_TRUE(o->no_python);
    EXPECT_EQ(o->script, "train.py");
    EXPECT_EQ(o->script_args, (Words{"--nnodes", "9", "--help", "--"}));
    EXPECT_EQ(parse_step("--version", {}, environment())->script, "--version");
}

TEST(Step, refuses_what_the_command_line_refuses) {
    EXPECT_EQ(parse_step("a", {}, environment({{"PET_NNODES", "3:2"}})).error().text(),
              "argument --nnodes (PET_NNODES): '3:2' asks for at least 3 and at most 2 nodes");
    EXPECT_EQ(parse_step("", {}, environment()).error().text(),
              "argument training_script: must not be empty");
}

}  // namespace
}  // namespace torchelastic::options
