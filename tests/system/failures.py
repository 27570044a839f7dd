#!/usr/bin/env python3
"""What a failed job says and leaves: one report that names the cause, with what the kernel, the
error file and stderr tell of it; and an error file for whoever started it. Broken error files do no
harm."""

import contextlib
import json
import os
import pathlib
import re
import resource
import time

import alone
import harness
from harness import check, count, equal

RECORDED = """
    import os
    import sys
    import time
    from torch.distributed.elastic.multiprocessing.errors import record

    @record
    def main():
        if os.environ["RANK"] == "1":
            print("reading shard 7", file=sys.stderr)
            raise ValueError("no data on rank " + os.environ["RANK"])
        time.sleep(1000)

    main()
"""
# Rank 1 eats until it is killed; the others wait.
EATER = """
    import os
    import time
    eaten = []
    while os.environ["RANK"] == "1":
        eaten.append(bytearray(1 << 20))
    time.sleep(1000)
"""
# Rank 0 loses a child to the kernel's hunger, and ends with 1 as torch's data loader does.
PARENT = """
    import os
    import sys
    pid = os.fork()
    eaten = []
    while pid == 0:
        eaten.append(bytearray(1 << 20))
    sys.exit(1 if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9 else 5)
"""
LIMIT = 512 << 20  # each of two eaters outgrows an agent with sanitizers


def field(name, output):
    """A field of the root cause's block in the report, and its further lines."""
    report = output.partition("Root Cause (first observed failure):\n")[2].partition("\n---")[0]
    names = "time|host|rank|exitcode|error_file|traceback|memory|stderr"
    pieces = re.split(rf"^  ({names}) *: ", report, flags=re.MULTILINE)[1:]
    fields = dict(zip(pieces[::2], [each.rstrip("\n") for each in pieces[1::2]]))
    check(name in fields, f"the report has the field '{name}'", output)
    return fields[name]


def report_of_a_crash(place):
    job = place.shell("[ $RANK = 1 ] && kill -SEGV $$; exec sleep 1000", workers=4).wait(60)
    equal(job.code, 139, "exit code", job.output)
    match = re.fullmatch(r"-11 \(pid: (\d+)\) \(SIGSEGV: invalid memory reference\)",
                         field("exitcode", job.output))
    check(match, "the signal in words", job.output)
    equal(field("rank", job.output), "1 (local_rank: 1)", "the rank", job.output)
    equal(field("host", job.output), os.uname().nodename, "the host", job.output)
    check(re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d:\d\d:\d\d\.\d{3}", field("time", job.output)),
          "the time, with milliseconds", job.output)
    equal(field("traceback", job.output), f"Signal 11 (SIGSEGV) received by PID {match.group(1)}",
          "torchrun's words", job.output)
    equal(count(r"\(ranks 0, 2-3 stopped on its account\)", job.output), 1, "lines about victims",
          job.output)
    equal(count(r"^\[\d\]:$", job.output), 1, "failures that are shown", job.output)


def core_dump(place):
    """Whether core was dumped is told; it cannot be seen where none may be."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0 and os.geteuid() != 0:
        return print("   NOT TESTED: the limit of a core file's size is 0 for good")
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text()
    if pattern.startswith(("|", "/")):
        return print(f"   NOT TESTED: core files would be left elsewhere: {pattern}")
    # Sanitizers would keep what runs below them from dumping core, too.
    calm = {f"{each}SAN_OPTIONS": "disable_coredump=0" for each in "AT"}
    job = place.shell("kill -SEGV $$", workers=1, environment=calm,
                      run=["prlimit", "--core=1000000000"]).wait(60)
    check(field("exitcode", job.output).endswith(
        "(SIGSEGV: invalid memory reference, core dumped)"), "that core was dumped", job.output)
    return None


def end_of_stderr(place):
    script = r"""seq 5000 >&2; printf 'load\tdata\n 1%%\r 99%%\r\nlast \033[31mwords' >&2; exit 9"""
    for options in (["--redirects=3"], ["--tee=2"]):
        job = place.shell(script, "--log-dir=logs", *options).wait(60)
        equal(job.code, 9, "exit code", job.output)
        lines = field("stderr", job.output).split("\n")
        check(re.fullmatch(r"the end of /.*/logs/.*/attempt_0/[01]/stderr.log:", lines[0]),
              "where it is", job.output)
        shown = [str(number) for number in range(4984, 5001)] + [
            "load    data", " 99%", r"last \x1b[31mwords"]
        equal(lines[1:], ["    " + line for line in shown], "the last twenty lines", job.output)
    job = place.shell(script).wait(60)
    equal(count(r"^  stderr ", job.output), 0, "fields about a stderr that is the console",
          job.output)


def recorded_exception(place):
    place.script("program.py", RECORDED)
    mine = place.folder / "mine.json"
    python = harness.python_with_torch()
    environment = {"PYTHON_EXEC": python, "TORCHELASTIC_ERROR_FILE": str(mine)}
    job = place.run("--nproc-per-node=2", "--redirects=3", "--log-dir=logs", "program.py",
                    environment=environment, limit=120)
    equal(job.code, 1, "exit code", job.output)
    traceback = field("traceback", job.output)
    check('program.py", line ' in traceback and
          traceback.rstrip().endswith("ValueError: no data on rank 1"), "the traceback", job.output)
    check(field("stderr", job.output).endswith("before the traceback:\n    reading shard 7"),
          "stderr, without the traceback once more", job.output)
    theirs = json.loads(pathlib.Path(field("error_file", job.output)).read_text())
    theirs["message"]["errorCode"] = 1
    equal(json.loads(mine.read_text()), theirs, "our error file", job.output)


def error_files_of_our_own(place):
    mine = place.folder / "mine.json"
    mine.write_text("of an earlier run")
    for script, options, code, words in (
            ("kill -SEGV $$", [], -11, r"rank \d \(.*\) failed: killed by SIGSEGV"),
            ("echo oh >&2; exit 3", ["-r3", "--log-dir=logs"], 3, r"rank \d .* exit code 3"),
            ("exit 0", ["--log-dir=/dev/full/x"], 1, "cannot take part: make the log folder")):
        job = place.shell(script, *options,
                          environment={"TORCHELASTIC_ERROR_FILE": str(mine)}).wait(60)
        message = json.loads(mine.read_text())["message"]
        check(re.search(words, message["message"]), f"says why: {message}", job.output)
        equal(message["errorCode"], code, "errorCode", job.output)
        check(abs(int(message["extraInfo"]["timestamp"]) - time.time()) < 60, "a time", message)
    equal([each.name for each in place.folder.glob("mine*")], ["mine.json"], "files beside it")
    kept = mine.read_text()
    job = place.shell("exit 0", environment={"TORCHELASTIC_ERROR_FILE": str(mine)}).wait(60)
    equal((job.code, mine.read_text()), (0, kept), "a job that succeeds leaves it alone")
    unwritable = place.folder / "none/mine.json"
    job = place.shell("exit 3", environment={"TORCHELASTIC_ERROR_FILE": str(unwritable)}).wait(60)
    equal(job.code, 3, "exit code", job.output)
    equal(count(r"^E.*write the error file .*/none/mine.json: .*no such file", job.output), 1,
          "lines that say it cannot be written", job.output)


def launcher_in_a_launcher(place):
    inner = [harness.program("bin/torchelastic"), "run", "--standalone", "--no-python", "sh", "-c",
             "echo '{\"message\": \"inner trouble\"}' >$TORCHELASTIC_ERROR_FILE; exit 9"]
    job = place.run("--no-python", *inner)
    equal(job.code, 9, "exit code", job.output)
    outer = job.output.rpartition("Root Cause")[2]
    equal(count(r"^  traceback : inner trouble$", outer), 1, "the cause in the outer report",
          job.output)


def broken_error_files(place):
    for made, words in (
            ("printf '{\"message\": {\"mess' >$F", "unreadable error file: "),
            ("printf '' >$F", "To enable traceback"),
            ("mkfifo $F", "To enable traceback"), ("mkdir $F", "To enable traceback"),
            ("ln -s /dev/zero $F", "To enable traceback"),
            ("head -c 3000000 /dev/zero >$F", "unreadable error file: "),
            ("printf '\\377\\000\\n' >$F", "unreadable error file: ")):
        job = place.shell(f"F=$TORCHELASTIC_ERROR_FILE; [ $RANK = 0 ] || exec sleep 1000; {made}; "
                          "exit $((7 + TORCHELASTIC_RESTART_COUNT))", "--max-restarts=1").wait(60)
        equal(job.code, 8, f"exit code, restarts used, with '{made}'", job.output)
        check(field("traceback", job.output).startswith(words), f"the report with '{made}'",
              job.output)


def memory_root():
    """Where cgroups that limit memory can be made, and what their limit is called."""
    legacy, unified = pathlib.Path("/sys/fs/cgroup/memory"), pathlib.Path("/sys/fs/cgroup")
    if os.geteuid() == 0 and (legacy / "memory.oom_control").exists():
        return legacy, "memory.limit_in_bytes"
    if os.geteuid() == 0 and (unified / "cgroup.subtree_control").exists():
        with contextlib.suppress(OSError):
            (unified / "cgroup.subtree_control").write_text("+memory")
        if "memory" in (unified / "cgroup.subtree_control").read_text().split():
            return unified, "memory.max"
    return harness.skip("a cgroup with a limit of memory needs root and the memory controller")


@contextlib.contextmanager
def memory_cgroup():
    """A cgroup with little memory, of whichever version has the memory here: its folder."""
    root, limit = memory_root()
    folder = root / f"torchelastic_test_{os.getpid()}"
    folder.mkdir()
    try:
        (folder / limit).write_text(str(LIMIT))
        for swap, most in (("memory.swap.max", 0), ("memory.memsw.limit_in_bytes", LIMIT)):
            if (folder / swap).exists():
                (folder / swap).write_text(str(most))
        yield folder
    finally:
        harness.wait_until(lambda: not (folder / "cgroup.procs").read_text(), 10, "it is empty")
        folder.rmdir()


def in_cgroup(place, folder, script, *options, inside=()):
    """`inside`: what is to start the program there."""
    enter = ["sh", "-c", f'echo $$ >{folder}/cgroup.procs && exec "$@"', "enter", *inside]
    return place.run("--nproc-per-node=2", *options, script, limit=120, run=enter,
                     environment={"PYTHON_EXEC": "/usr/bin/python3"})


def out_of_memory(place):
    place.script("eater.py", EATER)
    place.script("parent.py", PARENT)
    with memory_cgroup() as folder:
        told = rf"out of memory \(limit of the cgroup {LIMIT >> 20} MiB\)"
        job = in_cgroup(place, folder, "eater.py", "--max-restarts=1")
        equal(job.code, 137, "exit code", job.output)
        check(re.fullmatch(rf"-9 \(pid: \d+\) \(SIGKILL: killed by the kernel: {told}\)",
                           field("exitcode", job.output)), "who killed it, and why", job.output)
        equal(field("rank", job.output), "1 (local_rank: 1)", "the rank", job.output)
        equal(count(rf"^W.*failed: killed by the kernel \(SIGKILL\): {told}; ", job.output), 2,
              "lines of the log, one for each attempt", job.output)

        job = in_cgroup(place, folder, "parent.py")
        equal(job.code, 1, "exit code", job.output)
        check(re.fullmatch(f"the kernel killed a process of this node's job: {told}",
                           field("memory", job.output)), "what happened to its child", job.output)

        # Where cgroups cannot be seen, the kernel's log tells.
        blind = ["unshare", "--mount", "sh", "-c",
                 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"', "blind"]
        job = in_cgroup(place, folder, "eater.py", inside=blind)
        equal(job.code, 137, "exit code", job.output)
        check(field("exitcode", job.output).endswith(
            "(SIGKILL: killed by the kernel: out of memory)"), "the kernel's log", job.output)

        # What was killed before counts no more, and not every SIGKILL is the kernel's.
        (place.folder / "suicide.py").write_text("import os; os.kill(os.getpid(), 9)")
        job = in_cgroup(place, folder, "suicide.py")
        equal(job.code, 137, "exit code", job.output)
        equal(count("out of memory", job.output), 0, "words about memory", job.output)


CASES = [report_of_a_crash, core_dump, end_of_stderr, recorded_exception, error_files_of_our_own,
         launcher_in_a_launcher, broken_error_files, out_of_memory]

alone.run_cases(__doc__, CASES)
