// What srun is asked for: values of options, and srun's own command line.
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
        {Kind::text, "a\nb", "--some-name=a\nb: a value is one line"},
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
    };
    for (const Value& c : kCases) {
        EXPECT_EQ(complaint(option_of(c.kind, "one,two,three"), c.value), c.complaint);
    }
}

TEST(Option, is_known_by_other_names_elsewhere) {
    EXPECT_EQ(pet_name(option_of(Kind::text)), "PET_SOME_NAME");
    EXPECT_EQ(carrier("some-name"), "_SLURM_SPANK_OPTION_torchelastic_some_name");
}

struct Line {
    std::vector<std::string> arguments;
    std::optional<bool> elastic;
};

TEST(CommandLine, is_srun_s_own_and_not_the_program_s) {
    const Line kCases[] = {
        {{}, std::nullopt},
        {{"hostname"}, std::nullopt},
        {{"--torchelastic", "train.py"}, true},
        {{"--torchelastic=off", "train.py"}, false},
        {{"--torchelastic=on"}, true},
        {{"--torchel", "train.py"}, true},
        {{"--torchelastics", "train.py"}, std::nullopt},
        {{"--to=off", "train.py"}, false},
        {{"-N", "4", "--torchelastic", "train.py"}, true},
        {{"-N4", "--torchelastic", "train.py"}, true},
        {{"-lN", "4", "--torchelastic", "train.py"}, true},
        {{"--nodes", "4", "-l", "--mem=1G", "--torchelastic", "train.py"}, true},
        {{"--label", "--torchelastic", "train.py"}, true},
        {{"--torchelastic", "--torchelastic=off", "train.py"}, false},
        {{"hostname", "--torchelastic"}, std::nullopt},
        {{"-N4", "hostname", "--torchelastic"}, std::nullopt},
        {{"-N", "4", "hostname", "--torchelastic"}, std::nullopt},
        {{"-K0", "hostname", "--torchelastic"}, std::nullopt},
        {{"-lK", "hostname", "--torchelastic"}, std::nullopt},
        {{"-vl", "hostname", "--torchelastic"}, std::nullopt},
        {{"--label", "hostname", "--torchelastic"}, std::nullopt},
        {{"--module", "hostname", "--torchelastic"}, std::nullopt},
        {{"--nodes=4", "hostname", "--torchelastic"}, std::nullopt},
        {{"--", "--torchelastic"}, std::nullopt},
        {{"-", "--torchelastic"}, std::nullopt},
    };
    for (const Line& c : kCases) {
        std::vector<std::string> arguments{"srun"};
        arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
        EXPECT_EQ(scan(arguments).elastic, c.elastic) << testing::PrintToString(c.arguments);
    }
}

TEST(CommandLine, tells_of_multi_prog) {
    EXPECT_TRUE(scan({"srun", "--torchelastic", "--multi-prog", "file"}).multi_prog);
    EXPECT_TRUE(scan({"srun", "-n", "2", "--multi", "file"}).multi_prog);
    EXPECT_FALSE(scan({"srun", "prog", "--multi-prog"}).multi_prog);
    EXPECT_FALSE(scan({}).multi_prog);
}

TEST(CommandLine, tells_of_a_number_of_tasks) {
    const std::vector<std::string> kWith[] = {{"srun", "-n4", "prog"},
                                              {"srun", "-n", "4", "prog"},
                                              {"srun", "-ln4", "prog"},
                                              {"srun", "--ntasks=4", "prog"},
                                              {"srun", "--ntasks", "4", "prog"}};
    for (const auto& line : kWith)
        EXPECT_TRUE(scan(line).tasks) << testing::PrintToString(line);
    const std::vector<std::string> kWithout[] = {{"srun", "-N4", "prog", "-n4"},
                                                 {"srun", "--ntasks-per-node=1", "prog"},
                                                 {"srun", "-Jn4", "prog"}};
    for (const auto& line : kWithout)
        EXPECT_FALSE(scan(line).tasks) << line[1];
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

TEST(Agent, is_found_from_where_the_plugin_is) {
    EXPECT_EQ(agent_beside("/opt/x/lib/torchelastic/spank_torchelastic.so"),
              "/opt/x/bin/torchelastic");
    EXPECT_EQ(agent_beside("/lib/torchelastic/spank.so"), "/bin/torchelastic");
    for (const char* path : {"", "spank.so", "lib/torchelastic/spank.so"})
        EXPECT_EQ(agent_beside(path), "") << path;
}

}  // namespace
}  // namespace torchelastic::door
