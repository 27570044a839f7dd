#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>

#include "process/exec_child.h"
#include "process/exit_status.h"
#include "process/spawn.h"
#include "process_fixture.h"

namespace torchelastic::process {
namespace {

const Stdio kQuiet{Stdio::In::null, Stream::null(), Stream::null()};

/// What kListing prints: the descriptors 0 to 2, and the one that reads the directory.
const char* const kListing = "for fd in /proc/$$/fd/*; do echo ${fd##*/}; done";
const char* const kThreeAndTheListing = "0\n1\n2\n3\n";

ExitStatus await(pid_t pid) {
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return ExitStatus::from_wait(status);
}

std::string output_of(const Command& command) {
    const Scratch scratch;
    const auto pid = spawn(command, {Stdio::In::null, Stream::file(scratch.file("out")), {}});
    if (!pid) return pid.error().text();
    await(*pid);
    return read_file(scratch.file("out"));
}

TEST(Spawn, runs_a_program_and_its_code_comes_back) {
    const auto pid = spawn(shell("exit 37"), kQuiet);
    ASSERT_TRUE(pid) << pid.error().text();
    EXPECT_EQ(await(*pid), ExitStatus::exited(37));
}

TEST(Spawn, makes_the_program_lead_a_session_and_a_group) {
    const std::string text = output_of(shell("cat /proc/$$/stat; echo $$"));
    std::istringstream fields(text);
    std::string pid, name, state, parent, group, session;
    fields >> pid >> name >> state >> parent >> group >> session;
    EXPECT_EQ(group, pid);
    EXPECT_EQ(session, pid);
    EXPECT_EQ(parent, std::to_string(::getpid()));
}

TEST(Spawn, resets_signals) {
    ::signal(SIGPIPE, SIG_IGN);
    sigset_t some;
    sigset_t before;
    ::sigemptyset(&some);
    ::sigaddset(&some, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &some, &before);
    const std::string text = output_of(shell("grep -E '^Sig(Blk|Ign)' /proc/self/status"));
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    EXPECT_EQ(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Spawn, binds_the_program_to_the_cpus_that_it_is_told) {
    cpu_set_t before;
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &before)) continue;
        Command command = shell("grep Cpus_allowed_list /proc/self/status");
        command.cpus = {cpu};
        EXPECT_EQ(output_of(command), "Cpus_allowed_list:\t" + std::to_string(cpu) + "\n");
    }
    cpu_set_t after;
    ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
    EXPECT_TRUE(CPU_EQUAL(&before, &after)) << "ours stays as it is";
}

TEST(Spawn, names_the_cpus_that_there_are_not) {
    Command command = shell("true");
    command.cpus = {5000, 5001};
    EXPECT_EQ(spawn(command, kQuiet).error().text(),
              "start /bin/sh: bind it to CPUs 5000-5001: invalid argument");
}

TEST(Spawn, gives_the_program_the_limit_of_open_files_that_it_is_told) {
    Command command = shell("ulimit -n");
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 123;
    command.open_files = limit;
    EXPECT_EQ(output_of(command), "123\n");
}

TEST(Spawn, lets_no_descriptor_of_ours_through) {
    const Fd open(::open("/dev/null", O_RDONLY));  // without CLOEXEC
    const Fd high(::fcntl(open.get(), F_DUPFD, 200));
    ASSERT_TRUE(high);
    EXPECT_EQ(output_of(shell(kListing)), kThreeAndTheListing);
}

TEST(Spawn, lets_none_through_on_kernels_without_close_range_either) {
    const Scratch scratch;
    const std::string out = scratch.file("out");
    const Fd open(::open("/dev/null", O_RDONLY));
    const pid_t pid = ::fork();
    if (pid == 0) {
        const char* candidates[] = {"/bin/sh", nullptr};
        const char* argv[] = {"sh", "-c", kListing, nullptr};
        char* environment[] = {nullptr};
        ExecPlan plan;
        plan.parent = ::getppid();
        plan.report = ::fcntl(2, F_DUPFD_CLOEXEC, 3);
        plan.out = out.c_str();
        plan.candidates = const_cast<char**>(candidates);
        plan.argv = const_cast<char**>(argv);
        plan.environment = environment;
        plan.use_close_range = false;
        exec_child(plan);
    }
    EXPECT_TRUE(await(pid).success());
    EXPECT_EQ(read_file(out), kThreeAndTheListing);
}

TEST(Spawn, passes_bytes_on_as_they_are) {
    const std::string odd = "caf\xe9 \xff\xfe\x01 *'\"$`\n";
    EXPECT_EQ(output_of({{"/bin/sh", "-c", "printf %s \"$1$ODD\"", "sh", odd}, {"ODD=" + odd}}),
              odd + odd);
}

TEST(Spawn, carries_a_megabyte_of_environment) {
    std::vector<std::string> environment;
    for (int i = 0; i < 10; ++i) {
        environment.push_back("BIG" + std::to_string(i) + "=" + std::string(100'000, 'x'));
    }
    EXPECT_EQ(output_of(shell("printf %s \"${#BIG0} ${#BIG9}\"", environment)), "100000 100000");
}

TEST(Spawn, says_when_the_environment_is_more_than_the_kernel_takes) {
    const auto pid = spawn(shell("exit 0", {"HUGE=" + std::string(3'000'000, 'x')}), kQuiet);
    ASSERT_FALSE(pid);
    EXPECT_EQ(pid.error().text(), "start /bin/sh: exec /bin/sh: argument list too long");
}

TEST(Spawn, gives_the_program_its_environment_and_nothing_else) {
    EXPECT_EQ(output_of({{"/usr/bin/env"}, {"A=1", "B=two words"}}), "A=1\nB=two words\n");
}

class Programs {
public:
    std::string add(const std::string& name, const std::string& text, unsigned mode = 0755) {
        const std::string path = scratch_.file(name);
        std::ofstream(path) << text;
        ::chmod(path.c_str(), mode);
        return path;
    }
    std::string directory() const {
        return scratch_.file("").substr(0, scratch_.file("").size() - 1);
    }

private:
    Scratch scratch_;
};

TEST(Spawn, searches_the_path_of_the_program_not_ours) {
    Programs programs;
    programs.add("only-here", "#!/bin/sh\necho found\n");
    const std::string path = "PATH=/nonexistent:" + programs.directory() + ":/bin";
    EXPECT_EQ(output_of({{"only-here"}, {path}}), "found\n");
    const auto pid = spawn({{"only-here"}, {"PATH=/nonexistent:/bin"}}, kQuiet);
    ASSERT_FALSE(pid);
    EXPECT_EQ(pid.error().text(),
              "start only-here: exec only-here: no such program in PATH (/nonexistent:/bin)");
}

TEST(Spawn, runs_a_script_without_an_interpreter_line_by_sh) {
    Programs programs;
    const std::string path = programs.add("script", "echo \"$0 $1\"\n");
    EXPECT_EQ(output_of({{path, "word"}, {}}), path + " word\n");
}

TEST(Spawn, names_the_step_that_failed) {
    Programs programs;
    const std::string denied = programs.add("denied", "#!/bin/sh\n", 0644);
    const std::string orphan = programs.add("orphan", "#!/no/such/python\n");
    const std::pair<Command, std::string> rows[] = {
        {{{"/usr/bin/python9"}, {}},
         "start /usr/bin/python9: exec /usr/bin/python9: no such file or directory"},
        {{{denied}, {}}, "start " + denied + ": exec " + denied + ": permission denied"},
        {{{"denied"}, {"PATH=/nonexistent:" + programs.directory()}},
         "start denied: exec " + denied + ": permission denied"},
        {{{orphan}, {}},
         "start " + orphan + ": exec " + orphan +
             ": it is there, but the interpreter or loader that it names is not"},
        {{{programs.directory()}, {}},
         "start " + programs.directory() + ": exec " + programs.directory() +
             ": permission denied"},
        {{{""}, {}}, "start : exec : no such file or directory"},
        {{{}, {}}, "start a program: its command is empty"},
    };
    for (const auto& [command, expected] : rows) {
        const auto pid = spawn(command, kQuiet);
        ASSERT_FALSE(pid) << expected;
        EXPECT_EQ(pid.error().text(), expected);
    }
    EXPECT_TRUE(Reaper::childless());
}

TEST(Spawn, names_the_file_that_could_not_be_opened) {
    const auto out = spawn(shell("exit 0"), {Stdio::In::null, Stream::file("/nowhere/o.log"), {}});
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().text(),
              "start /bin/sh: open stdout file /nowhere/o.log: no such file or directory");
    const auto err = spawn(shell("exit 0"), {Stdio::In::null, {}, Stream::file("/")});
    ASSERT_FALSE(err);
    EXPECT_EQ(err.error().text(), "start /bin/sh: open stderr file /: is a directory");
}

TEST(Spawn, does_not_wait_for_the_reader_of_a_pipe_in_place_of_a_file) {
    std::string folder = testing::TempDir() + "spawn_test_XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    const std::string pipe = folder + "/o.log";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const auto out = spawn(shell("exit 0"), {Stdio::In::null, Stream::file(pipe), {}});
    std::filesystem::remove_all(folder);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().text(),
              "start /bin/sh: open stdout file " + pipe + ": no such device or address");
}

TEST(Spawn, says_which_limit_is_reached) {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = 3;
    ::setrlimit(RLIMIT_NOFILE, &none);
    const auto pid = spawn(shell(""), kQuiet);
    ::setrlimit(RLIMIT_NOFILE, &before);
    ASSERT_FALSE(pid);
    EXPECT_EQ(pid.error().text(),
              "start /bin/sh: make a pipe: too many open files (the limit is ulimit -n)");
}

TEST(Spawn, shows_names_that_cannot_harm_a_terminal) {
    const auto pid = spawn({{"/no/\x1b[31m\xff\n"}, {}}, kQuiet);
    ASSERT_FALSE(pid);
    EXPECT_EQ(pid.error().text(),
              "start /no/\\x1b[31m\\xff\\x0a: exec /no/\\x1b[31m\\xff\\x0a: no such file or "
              "directory");
}

TEST(Spawn, appends_so_that_two_streams_may_share_a_file) {
    const Scratch scratch;
    const std::string path = scratch.file("both");
    std::ofstream(path) << "of an earlier run\n";
    const auto pid = spawn(shell("echo a; echo b >&2; echo c"),
                           {Stdio::In::null, Stream::file(path), Stream::file(path)});
    ASSERT_TRUE(pid);
    await(*pid);
    EXPECT_EQ(read_file(path), "a\nb\nc\n");
}

TEST(Spawn, works_where_our_own_standard_streams_are_closed) {
    const Scratch scratch;
    const std::string out = scratch.file("out");
    const std::string err = scratch.file("err");
    const pid_t tester = ::fork();
    if (tester == 0) {
        ::close(0);
        ::close(1);
        ::close(2);
        const auto pid =
            spawn(shell("cat; echo out; echo err >&2; ls -l /proc/self/fd | wc -l >&2"),
                  {Stdio::In::null, Stream::file(out), Stream::file(err)});
        int status = 0;
        if (!pid || ::waitpid(*pid, &status, 0) != *pid) ::_exit(1);
        const auto missing =
            spawn({{"/no/such"}, {}}, {Stdio::In::null, Stream::null(), Stream::null()});
        ::_exit(missing ? 2 : 0);
    }
    EXPECT_TRUE(await(tester).success());
    EXPECT_EQ(read_file(out), "out\n");
    EXPECT_EQ(read_file(err), "err\n5\n");  // "total", 0, 1, 2 and the directory
}

TEST(Spawn, ties_the_program_to_our_life) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    Ready ready;
    const pid_t parent = ::fork();
    if (parent == 0) {
        const auto pid = spawn(shell("echo $$; exec cat /dev/zero > /dev/null"), ready.stdio());
        ::pause();
        ::_exit(pid ? 0 : 1);
    }
    const pid_t worker = ready.pid();
    ASSERT_GT(worker, 0);
    ::kill(parent, SIGKILL);
    await(parent);
    EXPECT_EQ(await(worker), ExitStatus::killed_by(SIGKILL));
}

}  // namespace
}  // namespace torchelastic::process
