// What srun is asked for: values of options, and variables of the job around it.
#include <gtest/gtest.h>

#include "spank/request.h"

namespace torchelastic::door {
namespace {

using options::Group;
using options::Kind;
using options::Option;

Option option_of(Kind kind, const char* choices = nullptr) {
    return {"some-name", 0, kind, Group::other, "X", nullptr, choices, true, true, "Help"};
}

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
    Kind kind;
    const char* value;
    const char* complaint;
};

TEST(Value, is_refused_in_words) {
    const Value kCases[] = {
        {Kind::flag, nullptr, ""},
        {Kind::flag, "(null)", ""},
        {Kind::text, "gpu 2", ""},
        {Kind::text, nullptr, "--some-name=: a value is missing"},
        {Kind::text, "", "--some-name=: a value is missing"},
        {Kind::text, "(null)", "--some-name=(null): a value is missing"},
        {Kind::text, "a\nb", "--some-name=a\\x0ab: a value is one line"},
        {Kind::text, "a\tb \x1b[1m 'q' \"q\" $HOME \xff", ""},
        {Kind::integer, "\x1b[1m", "--some-name=\\x1b[1m: not a whole number"},
        {Kind::integer, "3", ""},
        {Kind::integer, " -3 ", ""},
        {Kind::integer, "1_000", ""},
        {Kind::integer, "+7", ""},
        {Kind::integer, "1.5", "--some-name=1.5: not a whole number"},
        {Kind::integer, "abc", "--some-name=abc: not a whole number"},
        {Kind::integer, "_1", "--some-name=_1: not a whole number"},
        {Kind::integer, "1_", "--some-name=1_: not a whole number"},
        {Kind::integer, "1__0", "--some-name=1__0: not a whole number"},
        {Kind::integer, "-", "--some-name=-: not a whole number"},
        {Kind::integer, " ", "--some-name= : not a whole number"},
        {Kind::number, "0.1", ""},
        {Kind::number, "1e-2", ""},
        {Kind::number, "1s", "--some-name=1s: not a number"},
        {Kind::choice, "one", ""},
        {Kind::choice, "three", ""},
        {Kind::choice, "on", "--some-name=on: not one of one,two,three"},
        {Kind::choice, "one,two", "--some-name=one,two: not one of one,two,three"},
        {Kind::list, "one", ""},
        {Kind::list, "three,one", ""},
        {Kind::list, "one,on", "--some-name=one,on: takes one or more of one,two,three"},
        {Kind::list, "one,", "--some-name=one,: takes one or more of one,two,three"},
        {Kind::list, ",", "--some-name=,: takes one or more of one,two,three"},
    };
    for (const Value& c : kCases) {
        EXPECT_EQ(complaint(option_of(c.kind, "one,two,three"), c.value), c.complaint);
    }
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
    EXPECT_EQ(pet_name(option_of(Kind::text)), "PET_SOME_NAME");
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
