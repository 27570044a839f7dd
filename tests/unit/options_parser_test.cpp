// From words and variables to Options: defaults, precedence, and what is refused.
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "options/parser.h"

namespace torchelastic::options {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;
using Variables = std::map<std::string, std::string>;

Environment environment(Variables variables = {}) {
    return [variables = std::move(variables)](const std::string& name) {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
}

Options options(const Words& arguments, const Variables& variables = {}) {
    Parsed parsed = parse(arguments, environment(variables));
    if (const auto* error = std::get_if<UsageError>(&parsed)) {
        ADD_FAILURE() << error->text;
        return {};
    }
    return std::get<Options>(parsed);
}

std::string error(const Words& arguments, const Variables& variables = {}) {
    const Parsed parsed = parse(arguments, environment(variables));
    const auto* found = std::get_if<UsageError>(&parsed);
    return found ? found->text : "no error";
}

TEST(Parser, has_torchruns_defaults) {
    const Options o = options({"train.py", "--lr", "0.1"});
    Options expected;
    expected.script = "train.py";
    expected.script_args = {"--lr", "0.1"};
    EXPECT_EQ(o, expected);
    EXPECT_FALSE(o.nnodes);
    EXPECT_EQ(o.nproc_per_node, (WorkersPerNode{WorkersPerNode::From::number, 1}));
    EXPECT_EQ(o.rdzv_backend, Backend::choose);
    EXPECT_EQ(o.rdzv_id, "none");
    EXPECT_EQ(o.max_restarts, 0);
    EXPECT_EQ(o.role, "default");
    EXPECT_EQ(o.shutdown_timeout, 30s);
    EXPECT_EQ(o.log_line_prefix_template, "[${role_name}${local_rank}]:");
    EXPECT_EQ(o.worker_store, WorkerStore::automatic);
}

TEST(Parser, fills_every_field) {
    const Options o = options({"--nnodes=2:4",
                               "--nproc-per-node=gpu",
                               "--rdzv-backend=slurm",
                               "--rdzv-id=job7",
                               "--rdzv-conf=join_timeout=60",
                               "--max-restarts=3",
                               "--monitor-interval=1e-2",
                               "--start-method=fork",
                               "--role=trainer",
                               "-m",
                               "--log-dir=/logs",
                               "-r3",
                               "-t",
                               "0:1",
                               "--log-line-prefix-template=$rank ",
                               "--local-ranks-filter=0,2",
                               "--local-addr=10.0.0.7",
                               "--shutdown-timeout=0",
                               "--worker-store=rank0",
                               "pkg.train"});
    EXPECT_EQ(o.nnodes, (NodeRange{2, 4}));
    EXPECT_EQ(o.nproc_per_node.from, WorkersPerNode::From::devices);
    EXPECT_EQ(o.rdzv_backend, Backend::slurm);
    EXPECT_EQ(o.rdzv_id, "job7");
    EXPECT_EQ(o.rdzv_conf.join_timeout, 60s);
    EXPECT_EQ(o.max_restarts, 3);
    EXPECT_EQ(o.role, "trainer");
    EXPECT_TRUE(o.module);
    EXPECT_FALSE(o.no_python);
    EXPECT_EQ(o.log_dir, "/logs");
    EXPECT_EQ(o.redirects.of(1), (Streams{true, true}));
    EXPECT_EQ(o.tee.of(0), (Streams{true, false}));
    EXPECT_EQ(o.tee.of(1), Streams{});
    EXPECT_EQ(o.log_line_prefix_template, "$rank ");
    EXPECT_EQ(o.local_ranks_filter, (std::set<int>{0, 2}));
    EXPECT_EQ(o.local_addr, "10.0.0.7");
    EXPECT_EQ(o.shutdown_timeout, 0s);
    EXPECT_EQ(o.worker_store, WorkerStore::rank0);
    EXPECT_EQ(o.script, "pkg.train");
    EXPECT_TRUE(options({"--no-python", "x"}).no_python);
}

TEST(Parser, takes_an_empty_text_for_none) {
    Options expected;
    expected.script = "a";
    expected.rdzv_id = "";
    expected.role = "";
    EXPECT_EQ(options({"--nnodes=", "--rdzv-backend=", "--rdzv-id=", "--rdzv-conf=", "--role=",
                       "--log-dir=", "--log-line-prefix-template=", "--local-ranks-filter=",
                       "--local-addr=", "a"}),
              expected);
}

TEST(Parser, chooses_where_the_agents_meet) {
    EXPECT_EQ(options({"--rdzv-backend=pmix", "--nnodes=2:4", "a"}).rdzv_backend, Backend::pmix);
    EXPECT_EQ(options({"--standalone", "a"}).rdzv_backend, Backend::standalone);
    EXPECT_EQ(options({"--rdzv-backend=c10d", "a"}).rdzv_backend, Backend::standalone);
    EXPECT_EQ(options({"--rdzv-backend=static", "--nnodes=1", "a"}).rdzv_backend,
              Backend::standalone);
    // As in torchrun, --standalone overrides an explicit backend.
    EXPECT_EQ(options({"--standalone", "--rdzv-backend=slurm", "a"}).rdzv_backend,
              Backend::standalone);
    EXPECT_EQ(options({"--standalone", "--nnodes=1:4", "a"}).rdzv_backend, Backend::standalone);
    EXPECT_EQ(error({"--standalone", "--nnodes=2:4", "a"}),
              "--standalone runs on one node, but --nnodes asks for 2");
    EXPECT_EQ(error({"--rdzv-backend=c10d", "--nnodes=1:4", "a"}),
              "the rendezvous backend 'c10d' is supported on one node, but --nnodes asks for up to "
              "4: use --rdzv-backend slurm");
    EXPECT_EQ(error({"--rdzv-backend=etcd", "a"}),
              "argument --rdzv-backend/--rdzv_backend: the rendezvous backend 'etcd' is not "
              "supported (choose from 'slurm' or 'pmix', or 'c10d' and 'static' on one node)");
}

struct Refusal {
    Words arguments;
    std::string expected;
};

TEST(Parser, refuses_with_one_line) {
    const Refusal refusals[] = {
        {{}, "the following arguments are required: training_script"},
        {{"--standalone", "--"}, "the following arguments are required: training_script"},
        {{""}, "argument training_script: must not be empty"},
        {{"--bogus"}, "unrecognized arguments: --bogus"},
        {{"--bogus=1", "-x", "a"}, "unrecognized arguments: --bogus=1 -x"},
        {{"--nnodes"}, "argument --nnodes: expected one argument"},
        {{"--nnodes", "3:2", "a"},
         "argument --nnodes: '3:2' asks for at least 3 and at most 2 nodes"},
        {{"--nnodes", "0", "a"}, "argument --nnodes: '0' asks for no node: at least 1"},
        {{"--nnodes", "abc", "a"},
         "argument --nnodes: 'abc' is neither a number of nodes nor MIN:MAX"},
        {{"--nproc-per-node", "foo", "a"},
         "argument --nproc-per-node/--nproc_per_node: 'foo' is not a number of workers: at least "
         "1, "
         "or auto, gpu or cpu"},
        {{"--nproc-per-node", "-1", "a"},
         "argument --nproc-per-node/--nproc_per_node: '-1' is not a number of workers: at least 1, "
         "or auto, gpu or cpu"},
        {{"--max-restarts", "-1", "a"},
         "argument --max-restarts/--max_restarts: '-1' must be 0 or more"},
        {{"--max-restarts", "x", "a"},
         "argument --max-restarts/--max_restarts: invalid int value: 'x'"},
        {{"--max-restarts", "1.5", "a"},
         "argument --max-restarts/--max_restarts: invalid int value: '1.5'"},
        {{"--max-restarts", "3000000000", "a"},
         "argument --max-restarts/--max_restarts: '3000000000' is too large"},
        {{"--monitor-interval", "x", "a"},
         "argument --monitor-interval/--monitor_interval: invalid float value: 'x'"},
        {{"--monitor-interval", "0", "a"},
         "argument --monitor-interval/--monitor_interval: '0' must be more than 0"},
        {{"--monitor-interval", "nan", "a"},
         "argument --monitor-interval/--monitor_interval: 'nan' must be more than 0"},
        {{"--start-method", "thread", "a"},
         "argument --start-method/--start_method: invalid choice: 'thread' (choose from 'spawn', "
         "'fork', 'forkserver')"},
        {{"--worker-store", "me", "a"},
         "argument --worker-store/--worker_store: invalid choice: 'me' (choose from 'agent', "
         "'rank0', 'auto')"},
        {{"-r4", "a"},
         "argument -r/--redirects: '4' is neither 0 (none), 1 (stdout), 2 (stderr) or 3 (both) nor "
         "such masks by local rank, as in 0:3,1:2"},
        {{"--tee", "0:1,", "a"},
         "argument -t/--tee: '0:1,' is neither 0 (none), 1 (stdout), 2 (stderr) or 3 (both) nor "
         "such masks by local rank, as in 0:3,1:2"},
        {{"--local-ranks-filter", "a,b", "a"},
         "argument --local-ranks-filter/--local_ranks_filter: 'a,b' is not a list of local ranks, "
         "as in 0,1,2"},
        {{"--rdzv-conf", "join_timeout=x", "a"},
         "argument --rdzv-conf/--rdzv_conf: join_timeout takes a whole number of seconds above 0, "
         "not 'x'"},
        {{"--shutdown-timeout", "-1", "a"},
         "argument --shutdown-timeout/--shutdown_timeout: '-1' must be 0 or more"},
        {{"-m", "--no-python", "a"}, "--no-python and --module cannot be used together"},
    };
    for (const auto& [arguments, expected] : refusals)
        EXPECT_EQ(error(arguments), expected);
}

TEST(Parser, names_an_option_that_only_torchrun_has) {
    EXPECT_EQ(error({"--rdzv_endpoint=n1:29500", "a"}),
              "unrecognized arguments: --rdzv_endpoint=n1:29500 (this release lacks torchrun's "
              "--rdzv-endpoint)");
    EXPECT_EQ(error({"--node-rank", "1", "a"}),
              "unrecognized arguments: --node-rank (this release lacks torchrun's --node-rank)");
}

TEST(Parser, keeps_the_first_error) {
    EXPECT_EQ(error({"--max-restarts=x", "--nnodes=0", "a"}),
              "argument --nnodes: '0' asks for no node: at least 1");
}

TEST(Parser, recognises_help_and_version) {
    EXPECT_TRUE(std::holds_alternative<Help>(parse({"-h"}, environment())));
    EXPECT_TRUE(std::holds_alternative<Help>(parse({"--standalone", "--help"}, environment())));
    EXPECT_TRUE(std::holds_alternative<Version>(parse({"--version"}, environment())));
}

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

TEST(Parser, survives_random_bytes_and_huge_numbers) {
    std::mt19937 random(20261121);
    const Words names = {"--nnodes=",
                         "--nproc-per-node=",
                         "--max-restarts=",
                         "-r",
                         "--rdzv-conf=",
                         "--tee=",
                         "--role=",
                         "",
                         "--shutdown-timeout=",
                         "--local-ranks-filter="};
    for (int round = 0; round < 5000; ++round) {
        Words arguments;
        for (auto left = random() % 4; left > 0; --left) {
            std::string argument = names[random() % names.size()];
            if (random() % 4 == 0) argument += "9999999999999999999999999999";
            for (auto bytes = random() % 6; bytes > 0; --bytes) {
                argument += static_cast<char>(1 + random() % 255);
            }
            arguments.push_back(argument);
        }
        arguments.push_back("a");
        const Parsed parsed = parse(arguments, environment());
        if (const auto* found = std::get_if<UsageError>(&parsed)) {
            ASSERT_FALSE(found->text.empty());
            ASSERT_LT(found->text.size(), 2000U);
            for (const char c : found->text)
                ASSERT_GE(static_cast<unsigned char>(c), 0x20);
        }
        if (const auto* o = std::get_if<Options>(&parsed)) {
            ASSERT_FALSE(o->script.empty());
        }
    }
}

}  // namespace
}  // namespace torchelastic::options
