// What a worker is given: its command, its environment.
#include <algorithm>

#include <gtest/gtest.h>

#include "agent/command.h"
#include "agent/environment.h"
#include "agent/interfaces.h"
#include "agent/round_store.h"

namespace torchelastic::agent {
namespace {

Environment as_map(const std::vector<std::string>& flat) {
    std::vector<const char*> pointers;
    for (const std::string& each : flat)
        pointers.push_back(each.c_str());
    pointers.push_back(nullptr);
    return read_environment(pointers.data());
}

coordinator::Assignment third_of_four() {
    coordinator::Assignment assignment{.round = 1, .restart_count = 1, .max_restarts = 2};
    assignment.group_rank = 2;
    assignment.group_world_size = 4;
    assignment.first_rank = 4;
    assignment.world_size = 12;
    assignment.first_role_rank = 4;
    assignment.role_world_size = 12;
    assignment.master_address = "10.0.0.1";
    assignment.master_port = 40000;
    assignment.run_id = "7.0.0";
    return assignment;
}

TEST(WorkerEnvironment, is_torchruns_contract) {
    const WorkerSetting setting{
        .workers = 4, .role = "trainer", .signals_to_handle = "SIGHUP,SIGTERM"};
    const Environment expected = {{"RANK", "5"},
                                  {"LOCAL_RANK", "1"},
                                  {"WORLD_SIZE", "12"},
                                  {"LOCAL_WORLD_SIZE", "4"},
                                  {"GROUP_RANK", "2"},
                                  {"GROUP_WORLD_SIZE", "4"},
                                  {"ROLE_NAME", "trainer"},
                                  {"ROLE_RANK", "5"},
                                  {"ROLE_WORLD_SIZE", "12"},
                                  {"MASTER_ADDR", "10.0.0.1"},
                                  {"MASTER_PORT", "40000"},
                                  {"TORCHELASTIC_RESTART_COUNT", "1"},
                                  {"TORCHELASTIC_MAX_RESTARTS", "2"},
                                  {"TORCHELASTIC_RUN_ID", "7.0.0"},
                                  {"TORCHELASTIC_SIGNALS_TO_HANDLE", "SIGHUP,SIGTERM"},
                                  {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                  {"TORCHELASTIC_ERROR_FILE", "/l/error.json"},
                                  {"NCCL_ASYNC_ERROR_HANDLING", "1"},
                                  {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "1"},
                                  {"OMP_NUM_THREADS", "1"}};
    EXPECT_EQ(as_map(worker_environment({}, setting, third_of_four(), 1, "/l/error.json")),
              expected);
}

TEST(WorkerEnvironment, has_one_device_and_local_rank_0_with_virtual_local_rank) {
    const WorkerSetting setting{
        .workers = 2, .devices = hardware::DevicePerWorker{"CUDA_VISIBLE_DEVICES", {"4", "7"}}};
    const Environment base = {{"CUDA_VISIBLE_DEVICES", "4,7"}, {"HIP_VISIBLE_DEVICES", "4,7"}};
    const Environment environment =
        as_map(worker_environment(base, setting, third_of_four(), 1, ""));
    EXPECT_EQ(environment.at("LOCAL_RANK"), "0");
    EXPECT_EQ(environment.at("RANK"), "5");
    EXPECT_EQ(environment.at("LOCAL_WORLD_SIZE"), "2");
    EXPECT_EQ(environment.at("CUDA_VISIBLE_DEVICES"), "7");
    EXPECT_EQ(environment.at("HIP_VISIBLE_DEVICES"), "4,7");
}

TEST(WorkerEnvironment, keeps_what_is_the_users_and_drops_what_is_the_agents) {
    const Environment base = {{"HOME", "/h"},
                              {"OMP_NUM_THREADS", "3"},
                              {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "0"},
                              {"GLOO_SOCKET_IFNAME", "ib0"},
                              {"RANK", "77"},
                              {"SLURM_JOB_ID", "7"},
                              {"PET_NPROC_PER_NODE", "2"},
                              {"TORCHELASTIC_STEP_TOKEN", "secret"},
                              {"TORCHELASTIC_TOKEN", "secret"},
                              {"_SLURM_SPANK_OPTION_torchelastic_torchelastic", ""},
                              {"SLURM_SPANK__SLURM_SPANK_OPTION_torchelastic_role", "x"},
                              {"PMIX_RANK", "0"}};
    const WorkerSetting setting{.workers = 2, .gloo_interface = "eth0"};
    const Environment out = as_map(worker_environment(base, setting, third_of_four(), 0, ""));
    EXPECT_EQ(out.at("HOME"), "/h");
    EXPECT_EQ(out.at("OMP_NUM_THREADS"), "3");
    EXPECT_EQ(out.at("TORCH_NCCL_ASYNC_ERROR_HANDLING"), "0");
    EXPECT_EQ(out.at("GLOO_SOCKET_IFNAME"), "ib0");
    EXPECT_EQ(out.at("RANK"), "4");
    EXPECT_EQ(out.at("SLURM_JOB_ID"), "7");
    EXPECT_EQ(out.at("TORCHELASTIC_ERROR_FILE"), "");
    for (const auto& [name, value] : out) {
        EXPECT_FALSE(name.starts_with("PET_") || name.starts_with("PMI") ||
                     name.starts_with("TORCHELASTIC_STEP_") || name.find("SPANK") != name.npos)
            << name;
        EXPECT_NE(value, "secret") << name;
    }
}

const Environment kByLaunchers = {
    {"PMIX_RANK", "0"},          {"SLURM_STEP_ID", "0"},      {"PMI_FD", "3"},
    {"PMI2_RANK", "1"},          {"OMPI_UNIVERSE_SIZE", "4"}, {"ORTE_SCHIZO_DETECTION", "ORTE"},
    {"PRTE_LAUNCHED", "1"},      {"MPI_LOCALRANKID", "0"},    {"MPI_HOME", "/m"},
    {"HYDRA_BOOTSTRAP", "slurm"}};

std::vector<std::string> names_left(Environment base, const WorkerSetting& setting) {
    const Environment out = as_map(worker_environment(base, setting, third_of_four(), 0, ""));
    std::vector<std::string> names;
    for (const auto& [name, value] : base) {
        if (out.contains(name)) names.push_back(name);
    }
    return names;
}

TEST(WorkerEnvironment, has_nothing_of_an_mpi_launcher_unless_asked) {
    EXPECT_EQ(names_left(kByLaunchers, {}),
              (std::vector<std::string>{"HYDRA_BOOTSTRAP", "MPI_HOME"}));
    EXPECT_EQ(names_left(kByLaunchers, {.inherits_mpi = true}).size(), kByLaunchers.size());
}

TEST(WorkerEnvironment, keeps_mpi_parameters_unless_mpirun_may_have_set_them) {
    Environment base = {{"OMPI_MCA_btl", "tcp,self"}, {"PRTE_MCA_if_include", "eth0"}};
    EXPECT_EQ(names_left(base, {}).size(), 2U);
    base["OMPI_COMM_WORLD_SIZE"] = "4";
    EXPECT_EQ(names_left(base, {}).size(), 0U);
}

TEST(WorkerEnvironment, limits_threads_only_where_several_share_and_nobody_chose) {
    EXPECT_TRUE(limits_threads({}, 2));
    EXPECT_FALSE(limits_threads({}, 1));
    EXPECT_FALSE(limits_threads({{"OMP_NUM_THREADS", "8"}}, 2));
}

TEST(WorkerEnvironment, is_read_as_getenv_reads_it) {
    const char* raw[] = {"A=1", "B=x=y", "A=2", "nonsense", "C=", nullptr};
    EXPECT_EQ(read_environment(raw), (Environment{{"A", "1"}, {"B", "x=y"}, {"C", ""}}));
}

TEST(WorkerCommand, is_torchruns) {
    options::Options options;
    options.script = "train.py";
    options.script_args = {"--gpu=${local_rank}", "$local_rank", "$local_ranks", "$$", "$HOME"};
    using Words = std::vector<std::string>;
    EXPECT_EQ(worker_command(options, {}, 3),
              (Words{"python3", "-u", "train.py", "--gpu=3", "3", "$local_ranks", "$$", "$HOME"}));
    options.script_args.clear();
    options.module = true;
    EXPECT_EQ(worker_command(options, {{"PYTHON_EXEC", "/opt/py"}}, 0),
              (Words{"/opt/py", "-u", "-m", "train.py"}));
    options.module = false;
    options.no_python = true;
    EXPECT_EQ(worker_command(options, {}, 0), Words{"train.py"});
}

TEST(WorkerCommand, passes_the_local_rank_as_torch_distributed_launch_does) {
    options::Options options;
    options.script = "train.py";
    options.script_args = {"--epochs", "3"};
    options.pass_local_rank = true;
    EXPECT_EQ(
        worker_command(options, {}, 1),
        (std::vector<std::string>{"python3", "-u", "train.py", "--local-rank=1", "--epochs", "3"}));
}

TEST(WorkerCommand, runs_a_path_in_an_interpreter_of_ours) {
    options::Options options;
    options.script = "train.py";
    options.script_args = {"x"};
    options.run_path = true;
    const auto argv = worker_command(options, {}, 0);
    ASSERT_EQ(argv.size(), 6U);
    EXPECT_EQ(argv[2], "-c");
    EXPECT_NE(argv[3].find("runpy.run_path"), std::string::npos);
    EXPECT_EQ(argv[4], "train.py");
    EXPECT_EQ(argv[5], "x");
}

TEST(WorkerStore, is_the_agents_unless_told_or_torch_cannot) {
    using options::WorkerStore;
    const Environment no_libuv = {{"USE_LIBUV", "0"}};
    EXPECT_FALSE(rank0_serves_store(WorkerStore::automatic, {}));
    EXPECT_FALSE(rank0_serves_store(WorkerStore::automatic, {{"USE_LIBUV", "1"}}));
    EXPECT_TRUE(rank0_serves_store(WorkerStore::automatic, no_libuv));
    EXPECT_FALSE(rank0_serves_store(WorkerStore::agent, no_libuv));
    const char* const not_shared = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE";
    EXPECT_TRUE(rank0_serves_store(WorkerStore::automatic, {{not_shared, "1"}}));
    EXPECT_FALSE(rank0_serves_store(WorkerStore::automatic, {{not_shared, "0"}}));
    EXPECT_FALSE(rank0_serves_store(WorkerStore::agent, {{not_shared, "1"}}));
    EXPECT_TRUE(rank0_serves_store(WorkerStore::rank0, {}));
}

TEST(KnowsAllClients, of_a_node_that_is_called_by_an_address_of_its_own) {
    const std::vector<net::Interface> interfaces = {
        {.name = "lo", .address = "127.0.0.1", .loopback = true},
        {.name = "lo", .address = "::1", .loopback = true},
        {.name = "eth0", .address = "10.0.0.1"},
        {.name = "ib0", .address = "10.1.0.1"},
        {.name = "ib0", .address = "fd77::1"},
        {.name = "bmc", .address = "169.254.3.1", .link_local = true},
        {.name = "eth0", .address = "fe80::1", .link_local = true}};
    const struct {
        const char* what;
        std::optional<std::string> local_addr;
        bool knows;
    } kCases[] = {
        {"it was not told what to be called", {}, true},
        {"one interface", "10.0.0.1", true},
        {"the other", "10.1.0.1", true},
        {"IPv6", "fd77::1", true},
        {"IPv4 written as IPv6", "::ffff:10.1.0.1", true},
        {"all agents are here", "127.0.0.1", true},
        {"all agents are here, by IPv6", "::1", true},
        {"translated by a router", "192.0.2.1", false},
        {"a name", "n1", false},
        {"link-local", "169.254.3.1", false},
        {"link-local, by IPv6", "fe80::1%eth0", false},
    };
    for (const auto& each : kCases) {
        EXPECT_EQ(knows_all_clients(each.local_addr, interfaces), each.knows) << each.what;
    }
}

TEST(GlooInterface, is_chosen_only_where_the_hosts_own_name_leads_nowhere) {
    const std::vector<net::Interface> interfaces = {
        {.name = "lo", .address = "127.0.0.1", .loopback = true},
        {.name = "eth0", .address = "10.0.0.1"},
        {.name = "ib0", .address = "10.1.0.1"}};
    const struct {
        const char* what;
        const char* hosts;
        std::optional<std::string> expected;
    } kCases[] = {
        {"no word of the host", "127.0.0.1 localhost\n", "eth0"},
        {"Debian's own line", "127.0.1.1 n1.site n1\n", "eth0"},
        {"loopback", "127.0.0.1 n1\n", "eth0"},
        {"its address", "10.0.0.1 n1\n", std::nullopt},
        {"another interface of ours, by an alias", "10.1.0.1\tn1.site  n1 # here", std::nullopt},
        {"in a comment", "# 10.0.0.1 n1\n", "eth0"},
        {"somebody else's address", "10.9.9.9 n1\n", "eth0"},
        {"one good line among others", "127.0.1.1 n1\n10.0.0.1 n1\n", std::nullopt},
    };
    for (const auto& each : kCases) {
        EXPECT_EQ(gloo_interface(each.hosts, "n1", interfaces, "10.0.0.1"), each.expected)
            << each.what;
    }
    EXPECT_EQ(gloo_interface("", "n1", interfaces, "10.7.7.7"), std::nullopt);
}

}  // namespace
}  // namespace torchelastic::agent
