// From words to Options: defaults, what they mean, and what is refused.
#include <csignal>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "options/parser.h"
#include "options_words.h"

namespace torchelastic::options {
namespace {

using namespace std::chrono_literals;
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
    EXPECT_EQ(o.worker_mpi, WorkerMpi::none);
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
                               "--port-range=30000-30015",
                               "--shutdown-timeout=0",
                               "--worker-store=rank0",
                               "--worker-mpi=inherit",
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
    EXPECT_EQ(o.rdzv_conf.port_range, (PortRange{30000, 30015}));
    EXPECT_EQ(o.shutdown_timeout, 0s);
    EXPECT_EQ(o.worker_store, WorkerStore::rank0);
    EXPECT_EQ(o.worker_mpi, WorkerMpi::inherit);
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
                       "--local-addr=", "--port-range=", "a"}),
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
    EXPECT_EQ(options({"--rdzv-backend=c10d", "--nnodes=1:4", "a"}).rdzv_backend, Backend::c10d);
    EXPECT_EQ(options({"--rdzv-backend=static", "--nnodes=2", "a"}).rdzv_backend, Backend::fixed);
    EXPECT_EQ(options({"--master-addr=h", "--nnodes=2", "a"}).rdzv_backend, Backend::fixed);
    EXPECT_EQ(options({"--nnodes=2", "a"}).rdzv_backend, Backend::choose);
    // As in torchrun, static has no fewest nodes.
    EXPECT_EQ(options({"--rdzv-backend=static", "--nnodes=1:2", "a"}).nnodes, (NodeRange{2, 2}));
    EXPECT_EQ(options({"--rdzv-backend=etcd", "--nnodes=1:4", "a"}).rdzv_backend, Backend::etcd);
    EXPECT_EQ(options({"--rdzv-backend=etcd-v2", "--nnodes=2", "a"}).rdzv_backend, Backend::etcd);
    EXPECT_EQ(options({"--rdzv-backend=etcd-v2", "a"}).rdzv_backend, Backend::standalone);
    EXPECT_EQ(error({"--rdzv-backend=zeus", "a"}),
              "argument --rdzv-backend/--rdzv_backend: the rendezvous backend 'zeus' is not "
              "supported (choose from 'slurm', 'pmix', 'c10d', 'etcd', 'etcd-v2' or 'static')");
}

TEST(Parser, knows_the_port_range_by_option_and_by_key) {
    const char* const key = "--rdzv-conf=port_range=7-9";
    EXPECT_EQ(options({key, "a"}).rdzv_conf.port_range, (PortRange{7, 9}));
    EXPECT_EQ(options({"--port-range=8", key, "a"}).rdzv_conf.port_range, (PortRange{8, 8}));
    EXPECT_EQ(error({"--port-range=9-8", key, "a"}),
              "argument --port-range/--port_range: '9-8' is not LOW-HIGH, two ports from 1 to "
              "65535");
    const Words full = {"--nnodes=2", "--master-port=7", "--port-range=7-7", "a"};
    EXPECT_EQ(error(full),
              "--port-range=7 has no port but --master-port=7, where the workers' store is: the "
              "agents need another one");
    EXPECT_EQ(options({"--master-port=7", "--port-range=7-7", "a"}).master_port, 7);
}

TEST(Parser, takes_an_id_of_any_length_but_where_nodes_tell_each_other_by_it) {
    const std::string id = "--rdzv-id=" + std::string(901, 'x');
    EXPECT_EQ(options({id, "a"}).rdzv_id.size(), 901U);
    EXPECT_EQ(options({id, "--rdzv-backend=c10d", "a"}).rdzv_id.size(), 901U);
    for (const char* backend : {"c10d", "etcd", "static"}) {
        const std::string by = std::string("--rdzv-backend=") + backend;
        EXPECT_EQ(error({id, by, "--nnodes=2", "a"}),
                  "argument --rdzv-id/--rdzv_id: 901 bytes are too many for what nodes tell each "
                  "other by: at most 900");
        EXPECT_NE(options({"--rdzv-id=" + std::string(900, 'x'), by, "--nnodes=2", "a"}).rdzv_id,
                  "");
    }
}

TEST(Parser, takes_several_endpoints_of_etcd_only) {
    const char* const list = "--rdzv-endpoint=a:1,[::1]:2,c";
    const Options etcd = options({"--rdzv-backend=etcd", "--nnodes=2", list, "a"});
    EXPECT_EQ(etcd.rdzv_endpoint, "a:1,[::1]:2,c");
    EXPECT_EQ(etcd.master_addr, std::nullopt);
    EXPECT_NE(error({"--rdzv-backend=etcd", "--rdzv-endpoint=a:1,b:x", "a"}), "");
    EXPECT_NE(error({"--rdzv-backend=c10d", list, "a"}), "");
}

TEST(Parser, reads_what_torchruns_static_rendezvous_fixes) {
    const Options left = options({"a"});
    EXPECT_EQ(left.master_addr, std::nullopt);
    EXPECT_EQ(left.master_port, std::nullopt);
    const Options by_flags = options({"--master-addr=h", "--master-port=29501", "a"});
    EXPECT_EQ(by_flags.master_addr, "h");
    EXPECT_EQ(by_flags.master_port, 29501);
    EXPECT_EQ(options({"--master-port=0", "a"}).master_port, std::nullopt);
    // As in torchrun, the endpoint wins, whatever backend was asked for but static's is used.
    const Words both = {"--master-addr=h", "--master-port=1", "--rdzv-endpoint=[::1]:7", "a"};
    EXPECT_EQ(options(both).master_addr, "::1");
    EXPECT_EQ(options(both).master_port, 7);
    EXPECT_EQ(options(both).rdzv_endpoint, "[::1]:7");
    EXPECT_EQ(options({"--rdzv-backend=static", "--rdzv-endpoint=h:7", "a"}).master_port, 7);
    for (const char* other : {"--rdzv-backend=c10d", "--rdzv-backend=slurm", "--standalone"}) {
        const Options o = options({other, "--master-port=1", "--rdzv-endpoint=h:7", "a"});
        EXPECT_EQ(o.master_addr, std::nullopt) << other;
        EXPECT_EQ(o.master_port, std::nullopt) << other;
    }
    EXPECT_EQ(options({"--rdzv-backend=c10d", "--rdzv-endpoint=h", "a"}).rdzv_endpoint, "h");
    EXPECT_EQ(
        options({"--rdzv-backend=c10d", "--rdzv-endpoint=/a b", "--rdzv-conf=store_type=file", "a"})
            .rdzv_endpoint,
        "/a b");
    EXPECT_EQ(error({"--rdzv-endpoint=h", "a"}),
              "argument --rdzv-endpoint/--rdzv_endpoint: 'h' has no port, which torchrun's static "
              "rendezvous needs: HOST:PORT");
    EXPECT_EQ(error({"--rdzv-endpoint=bad host:12", "a"}),
              "argument --rdzv-endpoint/--rdzv_endpoint: the host of the endpoint 'bad host:12' "
              "must be a name, an IPv4 or an IPv6 address");
    EXPECT_EQ(error({"--rdzv-endpoint=h:99999", "a"}),
              "argument --rdzv-endpoint/--rdzv_endpoint: the port of the endpoint 'h:99999' must "
              "be a number from 0 to 65535");
    EXPECT_EQ(error({"--master-port=65536", "a"}),
              "argument --master-port/--master_port: '65536' is no port: 0 to 65535");
}

TEST(Parser, has_a_node_rank_where_there_are_nodes) {
    EXPECT_EQ(options({"--node-rank=3", "--nnodes=4", "a"}).node_rank, 3);
    EXPECT_EQ(options({"--node-rank=3", "a"}).node_rank, 3);
    EXPECT_EQ(options({"--node-rank=3", "--standalone", "a"}).node_rank, 0);
    EXPECT_EQ(options({"--node-rank=3", "--rdzv-backend=c10d", "a"}).node_rank, 3);
    EXPECT_EQ(error({"--node-rank=-1", "a"}),
              "argument --node-rank/--node_rank: '-1' must be 0 or more");
    for (const char* one : {"--nnodes=1", "--rdzv-backend=static"}) {
        EXPECT_EQ(error({"--node-rank=3", one, "a"}),
                  "--node-rank is 3, and must be less than --nnodes=1");
    }
}

TEST(Parser, lets_run_path_win_over_the_other_ways_to_start) {
    const Options o = options({"--run-path", "--no-python", "-m", "a"});
    EXPECT_TRUE(o.run_path);
    EXPECT_FALSE(o.no_python);
    EXPECT_FALSE(o.module);
}

TEST(Parser, passes_the_local_rank_as_torch_distributed_launch_does) {
    const auto launch = [](const Words& arguments) {
        return parse(arguments, environment(), Command::launch);
    };
    EXPECT_TRUE(std::get<Options>(launch({"a"})).pass_local_rank);
    EXPECT_FALSE(std::get<Options>(launch({"--use-env", "a"})).pass_local_rank);
    EXPECT_TRUE(std::get<Options>(launch({"--use-env", "--no-python", "a"})).no_python);
    EXPECT_EQ(std::get<UsageError>(launch({"--no-python", "a"})).text,
              "--no-python needs --use-env: only Python scripts are written for the --local-rank "
              "that it keeps away");
    EXPECT_FALSE(options({"a"}).pass_local_rank);
}

TEST(Parser, reads_the_younger_options_of_torchrun) {
    const Options o = options({"--virtual-local-rank", "--numa-binding=exclusive",
                               "--signals-to-handle= SIGUSR2 ,SIGX", "--event-log-handler=file:/e",
                               "--duplicate-stdout-filters=a,b,,c",
                               "--duplicate-stderr-filters=", "--logs-specs=default", "a"});
    EXPECT_TRUE(o.virtual_local_rank);
    EXPECT_EQ(o.numa_binding, NumaBinding::exclusive);
    EXPECT_EQ(o.signals_to_handle, (SignalList{{SIGUSR2}, {"SIGX"}}));
    EXPECT_EQ(o.event_log, (EventLog{EventLog::To::file, "/e"}));
    EXPECT_EQ(o.duplicate_stdout_filters, (Words{"a", "b,c"}));
    EXPECT_EQ(o.duplicate_stderr_filters, (Words{""}));
    EXPECT_EQ(options({"a"}).signals_to_handle,
              (SignalList{{SIGTERM, SIGINT, SIGHUP, SIGQUIT}, {}}));
    // torchrun overwrites this one.
    EXPECT_EQ(options({"a"}, {{"TORCHELASTIC_SIGNALS_TO_HANDLE", "SIGUSR1"}}).signals_to_handle,
              options({"a"}).signals_to_handle);
    EXPECT_EQ(options({"a"}, {{"PET_SIGNALS_TO_HANDLE", "SIGUSR1"}}).signals_to_handle.signals,
              std::set<int>{SIGUSR1});
    EXPECT_EQ(error({"--logs-specs=mine", "a"}),
              "argument --logs-specs/--logs_specs: 'mine' would be a Python entry point, which "
              "cannot be loaded here (choose from 'default')");
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
         "or auto, gpu, cpu or xpu"},
        {{"--nproc-per-node", "-1", "a"},
         "argument --nproc-per-node/--nproc_per_node: '-1' is not a number of workers: at least 1, "
         "or auto, gpu, cpu or xpu"},
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
        {{"--worker-mpi=pmix", "a"},
         "argument --worker-mpi/--worker_mpi: invalid choice: 'pmix' (choose from 'none', "
         "'inherit')"},
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

TEST(Parser, guesses_what_an_unknown_option_was_to_be) {
    EXPECT_EQ(error({"--nproc_per_nodes=2", "a"}),
              "unrecognized arguments: --nproc_per_nodes=2 (did you mean --nproc-per-node?)");
    EXPECT_EQ(error({"--standalon3", "a"}),
              "unrecognized arguments: --standalon3 (did you mean --standalone?)");
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
