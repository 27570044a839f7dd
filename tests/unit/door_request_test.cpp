// What srun is asked for: values of options, and variables of the job around it.
#include <gtest/gtest.h>

#include "spank/request.h"

namespace torchelastic::door {
namespace {

using options::Option;

TEST(Switch, is_on_however_slurm_writes_no_value) {
    for (const char* value : {static_cast<const char*>(nullptr), "", "(null)", "on", "1", "yes"}) {
        EXPECT_EQ(read_switch(value), true) << (value ? value : "null");
    }
    for (const char* value : {"off", "0", "no", "false"})
        EXPECT_EQ(read_switch(value), false);
    for (const char* value : {"maybe", "ON ", " ", "2"})
        EXPECT_FALSE(read_switch(value)) << value;
}

struct Value {
    const char* option;
    const char* value;
    const char* complaint;
};

const Option& named(std::string_view name) {
    std::size_t i = 0;
    while (name != options::kOptions[i].name)
        ++i;
    return options::kOptions[i];
}

TEST(Value, is_refused_in_words) {
    const Value kCases[] = {
        {"no-python", nullptr, ""},
        {"no-python", "(null)", ""},
        {"role", "gpu 2", ""},
        {"role", nullptr, "--role=: a value is missing"},
        {"role", "", "--role=: a value is missing"},
        {"role", "(null)", "--role=(null): a value is missing"},
        {"role", "a\nb", "--role=a\\x0ab: a value is one line"},
        {"role", "a\tb \x1b[1m 'q' \"q\" $HOME \xff", ""},
        {"max-restarts", "\x1b[1m", "--max-restarts: invalid int value: '\\x1b[1m'"},
        {"max-restarts", " +1_000 ", ""},
        {"max-restarts", "1.5", "--max-restarts: invalid int value: '1.5'"},
        {"max-restarts", "-1", "--max-restarts: '-1' must be 0 or more"},
        {"shutdown-timeout", "-5", "--shutdown-timeout: '-5' must be 0 or more"},
        {"worker-store", "rank0", ""},
        {"worker-store", "rank",
         "--worker-store: invalid choice: 'rank' (choose from 'agent', 'rank0', 'auto')"},
        {"requeue-on", "node,preempt", ""},
        {"requeue-on", "node,foo", "--requeue-on: 'foo' is none of preempt, timeout, node"},
        {"requeue-on", "node,", "--requeue-on: '' is none of preempt, timeout, node"},
        {"nnodes", "2:4", ""},
        {"nnodes", "1", ""},
        {"nnodes", "5:1", "--nnodes: '5:1' asks for at least 5 and at most 1 nodes"},
        {"nnodes", "0", "--nnodes: '0' asks for no node: at least 1"},
        {"nproc-per-node", "gpu", ""},
        {"nproc-per-node", "abc",
         "--nproc-per-node: 'abc' is not a number of workers: at least 1, or auto, gpu, cpu or "
         "xpu"},
        {"rdzv-conf", "join_timeout=abc",
         "--rdzv-conf: join_timeout takes a whole number of seconds above 0, not 'abc'"},
        {"port-range", "10-5", "--port-range: '10-5' is not LOW-HIGH, two ports from 1 to 65535"},
        {"local-ranks-filter", "a",
         "--local-ranks-filter: 'a' is not a list of local ranks, as in 0,1,2"},
        {"event-log-handler", "foo",
         "--event-log-handler: 'foo' is no place for events: null, console, file or file:PATH"},
    };
    for (const Value& c : kCases)
        EXPECT_EQ(complaint(named(c.option), c.value), c.complaint);
}

TEST(Value, is_refused_as_the_agent_would) {
    const std::pair<const char*, const char*> kCases[] = {
        {"rdzv-backend", "foo"},  {"rdzv-conf", "foo=bar"}, {"tee", "9"},
        {"redirects", "0:3,1:"},  {"numa-binding", "all"},  {"worker-mpi", "all"},
        {"nproc-per-node", "-1"}, {"nproc-per-node", "0"},  {"shutdown-timeout", "1m"},
    };
    for (const auto& [name, value] : kCases) {
        EXPECT_TRUE(complaint(named(name), value).starts_with(std::string("--") + name + ": "))
            << name;
    }
}

TEST(Value, of_every_rendezvous_can_be_given_alone) {
    for (const char* value : {"slurm", "pmix", "c10d", "etcd", "etcd-v2", "static"})
        EXPECT_EQ(complaint(named("rdzv-backend"), value), "");
    EXPECT_EQ(complaint(named("rdzv-conf"), "store_type=file,is_host=1"), "");
    EXPECT_EQ(complaint(named("rdzv-id"), std::string(2000, 'x').c_str()), "");
}

TEST(Requeue, is_for_the_end_that_the_user_named) {
    const JobEnd scancel;
    const JobEnd preemption{.preempted = true};
    const JobEnd limit{.timed_out = true};
    EXPECT_EQ(cause_of_end("interrupted", preemption), "preempt");
    EXPECT_EQ(cause_of_end("interrupted", limit), "timeout");
    EXPECT_EQ(cause_of_end("interrupted", scancel), "");
    EXPECT_EQ(cause_of_end("node", scancel), "node");
    EXPECT_EQ(cause_of_end("", preemption), "") << "the workers failed, or succeeded, before";
    EXPECT_EQ(cause_of_end("nodes", limit), "");
}

TEST(Option, is_known_by_other_names_elsewhere) {
    EXPECT_EQ(pet_name(named("max-restarts")), "PET_MAX_RESTARTS");
    EXPECT_EQ(carrier("some-name"), "_SLURM_SPANK_OPTION_torchelastic_some_name");
}

TEST(Gpus, of_a_task_are_found_among_its_resources) {
    EXPECT_EQ(gpus_of_task("gres/gpu=1"), "1");
    EXPECT_EQ(gpus_of_task("gres/gpu:1"), "1");
    EXPECT_EQ(gpus_of_task("cpu=4,gres/gpu:a100=2"), "a100:2");
    EXPECT_EQ(gpus_of_task("gres/gpu:a100=1,gres/gpu:h100=1"), "a100:1,h100:1");
    for (const char* text : {"", ",", "cpu=4", "gres/gpu", "gres/shard=1"}) {
        EXPECT_EQ(gpus_of_task(text), "") << text;
    }
}

struct Share {
    const char* per_task;
    const char* tasks;
    const char* of_node;
};

TEST(Gpus, of_a_node_are_those_of_its_tasks) {
    const Share kCases[] = {
        {"1", "8", "8"},
        {"1", "8(x2)", "8"},
        {"2", "4(x16)", "8"},
        {"a100:1", "4", "a100:4"},
        {"gpu:a100:1", "4", "gpu:a100:4"},
        {"1", "4,2", ""},
        {"1", "4(x2),2", ""},
        {"a100:1,h100:1", "4", ""},
        {"", "4", ""},
        {"1", "", ""},
        {"x", "4", ""},
        {"1", "x", ""},
        {"999999", "1", ""},
    };
    for (const Share& c : kCases)
        EXPECT_EQ(gpus_of_node(c.per_task, c.tasks), c.of_node);
}

TEST(Gpus, of_a_job_are_those_of_all_its_tasks) {
    const Share kCases[] = {
        {"1", "3,1", "4"},
        {"2", "3(x2),1", "14"},
        {"a100:1", "4(x2),2", "a100:10"},
        {"1", "8", "8"},
        {"a100:1,h100:1", "3,1", ""},
        {"", "3,1", ""},
        {"1", "", ""},
        {"1", "3,", "3"},
        {"1", "x,1", ""},
        {"1", "3(x),1", ""},
        {"1", "3(x2", "3"},
    };
    for (const Share& c : kCases)
        EXPECT_EQ(gpus_of_job(c.per_task, c.tasks), c.of_node) << c.tasks;
}

TEST(Variable, of_a_component_is_told_by_its_ending) {
    EXPECT_EQ(component_ending("SLURM_NTASKS_HET_GROUP_1=8"), "_HET_GROUP_1");
    EXPECT_EQ(component_ending("SLURM_NTASKS_PACK_GROUP_12=8"), "_PACK_GROUP_12");
    for (const char* variable :
         {"", "=", "SLURM_NTASKS=8", "SLURM_HET_SIZE=2", "SLURM_X_HET_GROUP_=1", "A_HET_GROUP_1=8",
          "SLURM_X=_HET_GROUP_1", "SLURM_HET_GROUP1=", "1"}) {
        EXPECT_EQ(component_ending(variable), "") << variable;
    }
}

TEST(Agent, is_found_from_where_the_plugin_is) {
    EXPECT_EQ(agent_beside("/opt/x/lib/torchelastic/spank_torchelastic.so"),
              "/opt/x/bin/torchelastic");
    EXPECT_EQ(agent_beside("/lib/torchelastic/spank.so"), "/bin/torchelastic");
    for (const char* path : {"", "spank.so", "lib/torchelastic/spank.so"})
        EXPECT_EQ(agent_beside(path), "") << path;
}

}  // namespace
}  // namespace torchelastic::door
