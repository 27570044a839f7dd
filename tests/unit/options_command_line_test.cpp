// The grammar: every case was compared with Python's argparse and torchrun's option names.
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "options/command_line.h"

namespace torchelastic::options {
namespace {

using Words = std::vector<std::string>;

/// One line of words per outcome, so that tables can show it: options in the table's order, then
/// "| script args".
std::string outcome(const Words& arguments) {
    const auto scanned = scan(arguments);
    if (std::holds_alternative<Help>(scanned)) return "help";
    if (std::holds_alternative<Version>(scanned)) return "version";
    if (const auto* error = std::get_if<UsageError>(&scanned)) return "error: " + error->text;
    const auto& line = std::get<CommandLine>(scanned);
    std::string text;
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        if (!line.values[i]) continue;
        text += std::string(kOptions[i].name) + "=" + *line.values[i] + " ";
    }
    for (const std::string& argument : line.unrecognized)
        text += "?" + argument + " ";
    text += "|";
    if (line.script) text += " " + *line.script;
    for (const std::string& argument : line.script_args)
        text += " " + argument;
    return text;
}

struct Case {
    const char* name;
    Words arguments;
    std::string expected;
};

void check(const std::vector<Case>& cases) {
    for (const Case& c : cases)
        EXPECT_EQ(outcome(c.arguments), c.expected) << c.name;
}

TEST(CommandLine, reads_options_in_both_spellings) {
    check({
        {"hyphens", {"--nproc-per-node", "3", "a"}, "nproc-per-node=3 | a"},
        {"underscores", {"--nproc_per_node", "3", "a"}, "nproc-per-node=3 | a"},
        {"equals", {"--nproc_per_node=3", "a"}, "nproc-per-node=3 | a"},
        {"nothing after equals", {"--role=", "a"}, "role= | a"},
        {"an equals in the value", {"--rdzv-conf=k=v,x=y", "a"}, "rdzv-conf=k=v,x=y | a"},
        {"an empty value", {"--role", "", "a"}, "role= | a"},
        {"the last one wins", {"--role=x", "--role", "y", "a"}, "role=y | a"},
        {"mixed spellings are one option",
         {"--max_restarts=1", "--max-restarts=2", "a"},
         "max-restarts=2 | a"},
        {"mixed separators are no spelling",
         {"--nproc-per_node=1", "a"},
         "?--nproc-per_node=1 | a"},
    });
}

TEST(CommandLine, reads_letters) {
    check({
        {"attached", {"-r3", "-t1", "a"}, "redirects=3 tee=1 | a"},
        {"apart", {"-r", "3", "-t", "0:1", "a"}, "redirects=3 tee=0:1 | a"},
        {"equals", {"-r=3", "a"}, "redirects=3 | a"},
        {"a cluster", {"-mr3", "a"}, "module= redirects=3 | a"},
        {"a cluster whose value is apart", {"-mt", "3", "a"}, "module= tee=3 | a"},
        {"a cluster with equals", {"-mr=3", "a"}, "module= redirects=3 | a"},
        {"a flag twice", {"-mm", "a"}, "module= | a"},
        {"a map with blanks", {"-r 3", "a"}, "redirects= 3 | a"},
        {"no such letter in a cluster", {"-mx", "a"}, "module= ?-x | a"},
        {"help in a cluster", {"-mh"}, "help"},
        {"help before a mistake", {"-ht"}, "error: argument -t/--tee: expected one argument"},
        {"long names take two dashes", {"-role", "x"}, "redirects=ole | x"},
    });
}

TEST(CommandLine, leaves_the_script_everything_behind_it) {
    check({
        {"options of ours", {"a.py", "--nproc-per-node", "3"}, "| a.py --nproc-per-node 3"},
        {"help", {"a.py", "-h", "--help"}, "| a.py -h --help"},
        {"prefixes that would be ambiguous", {"a.py", "--no", "--n"}, "| a.py --no --n"},
        {"a double dash", {"a.py", "--", "x"}, "| a.py -- x"},
        {"a double dash in front is ours", {"--", "a.py", "--", "x"}, "| a.py -- x"},
        {"a script that looks like an option", {"--", "--role", "x"}, "| --role x"},
        {"a double dash after a flag", {"-m", "--", "pkg"}, "module= | pkg"},
        {"nothing behind a double dash", {"--"}, "|"},
        {"nothing at all", {}, "|"},
        {"a lone dash", {"-", "x"}, "| - x"},
        {"empty arguments", {"", "", "x"}, "|   x"},
    });
}

TEST(CommandLine, completes_unambiguous_prefixes) {
    check({
        {"redirects", {"--redirect", "3", "a"}, "redirects=3 | a"},
        {"tee", {"--te", "3", "a"}, "tee=3 | a"},
        {"standalone", {"--stand", "a"}, "standalone= | a"},
        {"rdzv-conf", {"--rdzv-c", "k=v", "a"}, "rdzv-conf=k=v | a"},
        {"no-python", {"--no-p", "a"}, "no-python= | a"},
        {"module", {"--mod", "a"}, "module= | a"},
        {"beyond the first hyphen", {"--nproc-per", "2", "a"}, "nproc-per-node=2 | a"},
        {"with equals", {"--nproc_per_nod=2", "a"}, "nproc-per-node=2 | a"},
        {"nnodes", {"--nn=2", "a"}, "nnodes=2 | a"},
        {"master-port", {"--master-p", "1", "a"}, "master-port=1 | a"},
        {"version", {"--vers"}, "version"},
        {"help", {"--h"}, "help"},
    });
}

TEST(CommandLine, says_what_an_ambiguous_prefix_could_match) {
    check({
        {"two spellings of one option",
         {"--nproc", "3", "a"},
         "error: ambiguous option: --nproc could match --nproc-per-node, --nproc_per_node"},
        {"two spellings, with a value",
         {"--no=3", "a"},
         "error: ambiguous option: --no=3 could match --no-python, --no_python, --node-rank, "
         "--node_rank"},
        {"several options",
         {"--m", "a"},
         "error: ambiguous option: --m could match --module, --max-restarts, --max_restarts, "
         "--monitor-interval, --monitor_interval, --master-addr, --master_addr, --master-port, "
         "--master_port"},
    });
    for (const char* prefix : {"--max", "--rdzv", "--log", "--no", "--n", "--m", "--=x", "-=x"}) {
        EXPECT_TRUE(outcome({prefix, "a"}).starts_with("error: ambiguous option: ")) << prefix;
    }
}

TEST(CommandLine, knows_values_from_options) {
    check({
        {"a negative number", {"--nproc-per-node", "-1", "a"}, "nproc-per-node=-1 | a"},
        {"a negative fraction", {"--monitor-interval", "-.5", "a"}, "monitor-interval=-.5 | a"},
        {"with underscores", {"--max-restarts", "-1_0.2_5", "a"}, "max-restarts=-1_0.2_5 | a"},
        {"a lone dash", {"--log-dir", "-", "a"}, "log-dir=- | a"},
        {"a blank inside", {"--role", "-x y", "a"}, "role=-x y | a"},
        {"a double dash behind equals", {"--role=--", "a"}, "role=-- | a"},
        {"a negative script", {"-1"}, "| -1"},
        {"none left", {"--nnodes"}, "error: argument --nnodes: expected one argument"},
        {"an option instead",
         {"--nnodes", "--standalone", "a"},
         "error: argument --nnodes: expected one argument"},
        {"something unknown instead",
         {"-r", "-x"},
         "error: argument -r/--redirects: expected one argument"},
        {"an exponent", {"--monitor-interval", "-1e3", "a"}, "monitor-interval=-1e3 | a"},
        {"a digit is enough", {"--role", "-1x", "a"}, "role=-1x | a"},
        {"a letter first",
         {"--nnodes", "-x1", "a"},
         "error: argument --nnodes: expected one argument"},
        {"a double dash instead",
         {"--max-restarts", "--", "3"},
         "error: argument --max-restarts/--max_restarts: expected one argument"},
    });
}

TEST(CommandLine, gives_flags_no_value) {
    check({
        {"a long name",
         {"--standalone=1", "a"},
         "error: argument --standalone: ignored explicit argument '1'"},
        {"nothing behind equals",
         {"--no-python=", "a"},
         "error: argument --no-python/--no_python: ignored explicit argument ''"},
        {"a letter", {"-m=1", "a"}, "error: argument -m/--module: ignored explicit argument '1'"},
        {"a dash in a cluster",
         {"-m-r", "a"},
         "error: argument -m/--module: ignored explicit argument '-r'"},
        {"control bytes",
         {"--standalone=\x1b[2J", "a"},
         "error: argument --standalone: ignored explicit argument '\\x1b[2J'"},
    });
}

TEST(CommandLine, goes_on_after_unknown_options) {
    check({
        {"one", {"--bogus", "a", "x"}, "?--bogus | a x"},
        {"with equals", {"--bogus=1", "-x", "a"}, "?--bogus=1 ?-x | a"},
        {"help comes first", {"--bogus", "--help"}, "help"},
        {"help ends it", {"--help", "--nproc"}, "help"},
        {"errors end it as well",
         {"--nproc", "--help"},
         "error: ambiguous option: --nproc could match --nproc-per-node, --nproc_per_node"},
        {"version", {"-m", "--version", "a"}, "version"},
    });
}

TEST(CommandLine, knows_use_env_for_launch_alone) {
    EXPECT_EQ(outcome({"--use-env", "a"}), "?--use-env | a");
    for (const char* spelling : {"--use-env", "--use_env", "--use-e"}) {
        const auto scanned = scan({spelling, "-m", "a", "--use-env"}, Command::launch);
        const auto* line = std::get_if<CommandLine>(&scanned);
        ASSERT_TRUE(line) << spelling;
        EXPECT_TRUE(line->use_env);
        EXPECT_EQ(line->script_args, Words{"--use-env"});
    }
    EXPECT_FALSE(std::get<CommandLine>(scan({"a", "--use-env"}, Command::launch)).use_env);
    EXPECT_EQ(std::get<UsageError>(scan({"--use", "a"}, Command::launch)).text,
              "ambiguous option: --use could match --use-env, --use_env");
}

TEST(CommandLine, ends_where_completion_is_asked_for) {
    EXPECT_EQ(std::get<Completion>(scan({"--print-completion", "bash", "--x"})).shell, Shell::bash);
    EXPECT_EQ(std::get<Completion>(scan({"-m", "--print_completion=zsh"})).shell, Shell::zsh);
    EXPECT_EQ(std::get<Completion>(scan({"--print-c=tcsh"})).shell, Shell::tcsh);
    EXPECT_EQ(outcome({"--print-completion=fish"}),
              "error: argument --print-completion/--print_completion: invalid choice: 'fish' "
              "(choose from 'bash', 'zsh', 'tcsh')");
    EXPECT_EQ(outcome({"a", "--print-completion=bash"}), "| a --print-completion=bash");
}

TEST(CommandLine, survives_random_bytes) {
    std::mt19937 random(20261120);
    const std::string alphabet = "---=_ mrthnops:1\x01\x7f\x80\xc3\xff";
    for (int round = 0; round < 5000; ++round) {
        Words arguments(random() % 6);
        for (std::string& argument : arguments) {
            if (random() % 3 == 0) argument = "--";
            for (auto left = random() % 8; left > 0; --left) {
                const bool any = random() % 8 == 0;
                argument += any ? static_cast<char>(1 + random() % 255)
                                : alphabet[random() % alphabet.size()];
            }
        }
        const auto scanned = scan(arguments);
        if (const auto* error = std::get_if<UsageError>(&scanned)) {
            for (const char c : error->text) {
                ASSERT_GE(static_cast<unsigned char>(c), 0x20) << error->text;
            }
        }
        const auto* line = std::get_if<CommandLine>(&scanned);
        if (!line || !line->script) continue;
        // The script and its arguments are always the end of what came in.
        Words end = line->script_args;
        end.insert(end.begin(), *line->script);
        ASSERT_LE(end.size(), arguments.size());
        ASSERT_TRUE(std::equal(end.rbegin(), end.rend(), arguments.rbegin()));
    }
}

TEST(CommandLine, takes_ten_thousand_arguments) {
    Words arguments(10000, "--role=x");
    arguments.push_back("a");
    arguments.resize(20001, "--nproc");
    const auto scanned = scan(arguments);
    EXPECT_EQ(std::get<CommandLine>(scanned).script, "a");
    EXPECT_EQ(std::get<CommandLine>(scanned).script_args, Words(10000, "--nproc"));
}

}  // namespace
}  // namespace torchelastic::options
