#include <algorithm>

#include "process/tree.h"
#include "process_fixture.h"

namespace torchelastic::process {
namespace {

std::string stat_text(const std::string& name, const std::string& numbers = "7 8 9") {
    return "4711 (" + name + ") S " + numbers + " 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 0 0";
}

TEST(Stat, is_read_whatever_the_program_is_called) {
    for (const char* name : {"python3", "tricky) S 1 (", "", "a b c", "(((", ")))", "\xff\xfe"}) {
        const std::string text = stat_text(name);
        const auto stat = parse_stat(text);
        ASSERT_TRUE(stat) << name;
        EXPECT_EQ(stat->name, name);
        EXPECT_EQ(stat->pid, 4711);
        EXPECT_EQ(stat->parent, 7);
        EXPECT_EQ(stat->group, 8);
        EXPECT_EQ(stat->session, 9);
        EXPECT_EQ(stat->state, 'S');
        EXPECT_EQ(stat->start_time, 12345U);
    }
}

TEST(Stat, that_is_cut_off_is_none) {
    const std::string text = stat_text("python3");
    const auto enough = text.find("12345") + 1;
    for (std::size_t length = 0; length < enough; ++length) {
        EXPECT_FALSE(parse_stat(text.substr(0, length))) << length;
    }
    EXPECT_FALSE(parse_stat(stat_text("x", "a b c")));
}

Process process(pid_t pid, pid_t parent) {
    return {pid, parent, pid, pid, 'S', 1, "x"};
}

std::vector<pid_t> pids(const std::vector<Process>& processes) {
    std::vector<pid_t> pids;
    for (const Process& one : processes) {
        pids.push_back(one.pid);
    }
    return pids;
}

TEST(Descendants, come_parents_first_and_without_the_spared) {
    const std::vector<Process> all = {process(1, 0),   process(2, 0),   process(30, 20),
                                      process(10, 1),  process(20, 10), process(11, 1),
                                      process(12, 11), process(5, 40),  process(40, 30)};
    EXPECT_EQ(pids(descendants_among(all, 10, {})), (std::vector<pid_t>{20, 30, 40, 5}));
    EXPECT_EQ(pids(descendants_among(all, 1, {10})), (std::vector<pid_t>{11, 12}));
    EXPECT_EQ(pids(descendants_among(all, 12, {})), std::vector<pid_t>());
}

TEST(Descendants, of_a_table_that_was_read_while_it_changed_end) {
    const std::vector<Process> all = {process(10, 20), process(20, 10), process(30, 30)};
    EXPECT_EQ(pids(descendants_among(all, 10, {})), std::vector<pid_t>{20});
    EXPECT_EQ(pids(descendants_among(all, 30, {})), std::vector<pid_t>());
}

/// A /proc with the kernel's lists of children, which not every kernel has.
class FakeProc {
public:
    void add(pid_t pid, pid_t parent, const std::vector<std::string>& children_of_threads) {
        const std::string directory = scratch_.file(std::to_string(pid));
        std::filesystem::create_directories(directory);
        std::ofstream(directory + "/stat")
            << pid << " (x) S " << parent << " 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99 0\n";
        int thread = pid;
        for (const std::string& children : children_of_threads) {
            const std::string task = directory + "/task/" + std::to_string(thread++);
            std::filesystem::create_directories(task);
            std::ofstream(task + "/children") << children;
        }
    }
    std::string path() const { return scratch_.file(""); }

private:
    Scratch scratch_;
};

TEST(Descendants, are_found_by_the_lists_of_all_threads) {
    FakeProc proc;
    proc.add(100, 1, {"200 300 ", "400 "});
    proc.add(200, 100, {""});
    proc.add(300, 100, {"500 "});
    proc.add(400, 100, {"", ""});
    proc.add(500, 300, {""});
    auto found = descendants(100, {}, proc.path());
    ASSERT_TRUE(found);
    auto numbers = pids(*found);
    std::sort(numbers.begin(), numbers.end());
    EXPECT_EQ(numbers, (std::vector<pid_t>{200, 300, 400, 500}));
    found = descendants(100, {300}, proc.path());
    EXPECT_EQ(found->size(), 2U);
}

TEST(Descendants, are_looked_for_everywhere_when_the_lists_say_none) {
    FakeProc proc;
    proc.add(100, 1, {""});
    proc.add(200, 100, {""});
    proc.add(300, 200, {""});
    const auto found = descendants(100, {}, proc.path());
    ASSERT_TRUE(found);
    EXPECT_EQ(pids(*found), (std::vector<pid_t>{200, 300}));
}

TEST(Descendants, without_proc_are_an_error) {
    const auto found = descendants(1, {}, "/nonexistent");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().text(), "open /nonexistent: no such file or directory");
}

TEST(Descendants, of_this_process_are_real) {
    const World world;
    Ready ready;
    const auto pid = spawn(shell("sh -c 'echo $$; read x < /dev/zero' & wait"), ready.stdio());
    ASSERT_TRUE(pid);
    const pid_t grandchild = ready.pid();
    const auto found = descendants(::getpid());
    ASSERT_TRUE(found);
    const auto numbers = pids(*found);
    EXPECT_EQ(std::count(numbers.begin(), numbers.end(), *pid), 1);
    EXPECT_EQ(std::count(numbers.begin(), numbers.end(), grandchild), 1);

    const auto it = std::find_if(found->begin(), found->end(),
                                 [&](const Process& one) { return one.pid == *pid; });
    Process stranger = *it;
    stranger.start_time += 1;
    signal_process(stranger, SIGKILL);  // another process that had this pid
    EXPECT_EQ(::waitpid(*pid, nullptr, WNOHANG), 0);
    signal_process(*it, SIGKILL);
    EXPECT_EQ(::waitpid(*pid, nullptr, 0), *pid);
    ::kill(grandchild, SIGKILL);
    EXPECT_EQ(::waitpid(grandchild, nullptr, 0), grandchild);
    EXPECT_TRUE(Reaper::childless());
}

TEST(Process, has_words) {
    EXPECT_EQ(words(Process{4711, 1, 1, 1, 'D', 0, "python3"}), "python3 (pid 4711, state D)");
}

}  // namespace
}  // namespace torchelastic::process
