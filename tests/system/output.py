#!/usr/bin/env python3
"""What workers say arrives whole: on the console, in their files and in the filtered ones, whatever
the bytes are, however workers end, and whatever becomes of console and disk."""

import collections
import contextlib
import os
import pathlib
import re
import subprocess
import sys

import alone
import harness
from harness import check, count, equal

# Lines that tell rank and number, in writes of all sizes. The last has no end; rank 1 is killed over
# it, the others are stopped then.
CHATTER = r"""
    import glob, os, random, signal, time
    rank = os.environ["RANK"]
    dice = random.Random(rank)
    text = "".join(f"{rank} {i} {'x' * (i % 300)}|\n" for i in range(30000)) + f"{rank} last words"
    data = text.encode()
    at = 0
    while at < len(data):
        at += os.write(1, data[at:at + dice.choice((1, 7, 100, 1000, 10000))])
    if rank == "1":
        while len(glob.glob("said.*")) < 3:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    open(f"said.{rank}", "w").close()
    signal.pause()
"""


def python(place, text, *options, workers=1, **more):
    """Starts workers of a script in Python."""
    place.script("worker.py", text)
    return place.start(f"--nproc-per-node={workers}", *options, "worker.py",
                       environment={"PYTHON_EXEC": sys.executable}, **more)


@contextlib.contextmanager
def piped(place, text, *options, workers=1):
    """The same, with a pipe for a console, from which only the test reads."""
    place.script("worker.py", text)
    job = subprocess.Popen(
        [harness.program("bin/torchelastic"), "run", f"--nproc-per-node={workers}", *options,
         "worker.py"], cwd=place.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
        env={**place.environment, "PYTHON_EXEC": sys.executable, "OMP_NUM_THREADS": "1"})
    try:
        yield job
    finally:
        job.kill()
        job.wait()
        job.stdout.close()


def logs(place, folder="logs"):
    """{path below the run's folder: bytes}"""
    found = {}
    for path in (place.folder / folder).rglob("*.log"):
        found[str(path.relative_to(place.folder / folder)).partition("/")[2]] = path.read_bytes()
    return found


# --- what is shown -------------------------------------------------------------------------------

def no_line_is_lost_split_or_mixed(place):
    job = python(place, CHATTER, "--log-dir=logs", "--tee=3", workers=4).wait(120)
    equal(job.code, 137, "exit code", job.output[-2000:])
    following = collections.Counter()
    ended = set()
    for line in job.output.splitlines():
        prefix, _, said = line.partition("]:")
        if not prefix.startswith("[default"):
            continue  # the report
        rank = prefix[len("[default"):]
        if said == f"{rank} last words":
            ended.add(rank)
            continue
        i = following[rank]
        equal(said, f"{rank} {i} {'x' * (i % 300)}|", f"line {i} of rank {rank}")
        check(rank not in ended, f"rank {rank} ended")
        following[rank] += 1
    equal(following, {rank: 30000 for rank in "0123"}, "lines of each worker")
    equal(ended, set("0123"), "workers whose last words are shown")


def every_byte_passes(place):
    text = """
        import os
        os.write(1, bytes(range(256)) + b"\\n" + b"\\0\\0\\n" + b"\\xff\\xfe")
        for percent in range(101):
            os.write(1, b"\\r%d%%" % percent)
        os.write(1, b"\\r\\n\\n")
    """
    said = bytes(range(256)) + b"\n\0\0\n\xff\xfe" + b"".join(b"\r%d%%" % i for i in range(101)) + \
        b"\r\n\n"
    with piped(place, text, "--log-dir=logs", "--redirects=3", "--tee=3") as job:
        shown = job.stdout.read()
        equal(job.wait(60), 0, "exit code", shown)
    equal(logs(place)["attempt_0/0/stdout.log"], said, "bytes in the file")
    equal(shown, b"".join(b"[default0]:%s\n" % line for line in said[:-1].split(b"\n")),
          "bytes on the console")


def a_line_may_be_longer_than_memory(place):
    size = 1 << 30
    text = f"""
        import os, time
        for _ in range({size >> 20}):
            os.write(1, b"x" * (1 << 20))
        open("said.0", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
        os.write(1, b"|")
    """
    with piped(place, text, "--log-dir=logs", "--tee=1") as job:
        harness.wait_until(lambda: place.marks("said"), 60, "the worker has said it")
        (place.folder / "go").touch()
        agent = place.agent_of(job.pid)
        shown = memory = 0
        tail = b""
        while piece := job.stdout.read1(1 << 20):
            if not shown:
                check(piece.startswith(b"[default0]:xxx"), "the line begins", piece[:100])
            with contextlib.suppress(OSError):
                used = re.search(r"VmHWM:\s*(\d+)",
                                 pathlib.Path(f"/proc/{agent}/status").read_text())
                memory = int(used[1]) if used else memory
            shown += len(piece)
            tail = (tail + piece)[-3:]
        equal(job.wait(60), 0, "exit code")
    equal(shown, len("[default0]:") + size + len("|\n"), "bytes shown")
    equal(tail, b"x|\n", "the line's end")
    # Sanitizers take much, but not as much as the line.
    check(0 < memory << 10 < size // 4, f"the agent takes far less than the line: {memory} kB")


def a_file_may_be_emptied(place):
    script = ("echo before; until [ -e go ]; do sleep 0.01; done; : >/dev/stdout; echo new; "
              "until [ -e gone ]; do sleep 0.01; done")
    job = place.shell(script, "--log-dir=logs", "--tee=3", workers=1)
    job.wait_until(lambda: "[default0]:before\n" in job.output(), 60, "the first line is shown")
    (place.folder / "go").touch()
    job.wait_until(lambda: "[default0]:new\n" in job.output(), 60, "the next one is shown")
    (place.folder / "gone").touch()
    equal(job.wait(60).code, 0, "exit code", job.output())


# --- consoles ------------------------------------------------------------------------------------

MUCH = """
    import os
    rank = os.environ["RANK"]
    os.write(1, b"first\\n")
    for i in range(20000):
        os.write(1, b"%d %s\\n" % (i, b"x" * 100))
    open(f"said.{rank}", "w").close()
"""


def nobody_waits_for_a_slow_console(place):
    with piped(place, MUCH, "--log-dir=logs", "--tee=1", workers=2) as job:
        # Nothing was read yet, and the pipe is full long since.
        harness.wait_until(lambda: len(place.marks("said")) == 2, 60, "the workers have said it")
        shown = job.stdout.read().decode()
        equal(job.wait(60), 0, "exit code", shown[-1000:])
    for rank in (0, 1):
        seen = re.findall(rf"^\[default{rank}\]:(\d+) x{{100}}$", shown, re.MULTILINE)
        equal(seen, [str(i) for i in range(20000)], f"lines of rank {rank}")


def a_closed_console_ends_nothing(place):
    with piped(place, MUCH, "--log-dir=logs", "--tee=3", workers=2) as job:
        check(job.stdout.readline(), "there is a first line")
        job.stdout.close()
        equal(job.wait(60), 0, "exit code")
    equal(len(place.marks("said")), 2, "workers that came to their end")
    for rank in (0, 1):
        equal(logs(place)[f"attempt_0/{rank}/stdout.log"].count(b"\n"), 20001, "lines in the file")


# --- filtered files, prefixes --------------------------------------------------------------------

SPEAKERS = 'echo "loss $RANK"; echo "a,b $RANK"; echo hello; echo "err loss $RANK" >&2'


def lines_that_are_looked_for(place):
    def filtered(*options):
        place.empty("logs")
        job = place.shell(SPEAKERS, "--log-dir=logs", *options).wait(60)
        equal(job.code, 0, "exit code", job.output)
        return {path.rpartition("/")[2]: sorted(text.decode().splitlines())
                for path, text in logs(place).items() if re.fullmatch(r"attempt_0/\w+\.log", path)}

    out, err = "filtered_stdout.log", "filtered_stderr.log"
    both = [f"[default{rank}]:{what} {rank}" for rank in (0, 1) for what in ("a,b", "loss")]
    errors = [f"[default{rank}]:err loss {rank}" for rank in (0, 1)]
    equal(filtered("--tee=3"), {}, "without filters")
    equal(filtered("--tee=3", "--duplicate-stdout-filters=loss,a,,b"), {out: both}, "of stdout")
    equal(filtered("--tee=3", "--duplicate-stdout-filters=nothing",
                   "--duplicate-stderr-filters=loss"), {out: [], err: errors}, "of both")
    equal(filtered("--tee=2", "--duplicate-stderr-filters="), {err: errors}, "of ''")
    equal(filtered("--redirects=3", "--duplicate-stdout-filters=loss"), {out: []}, "without --tee")
    equal(filtered("--tee=3", "--duplicate-stdout-filters=loss,a,,b", "--local-ranks-filter=1"),
          {out: both[2:]}, "of the ranks that are shown")
    equal(filtered("--tee=1:3", "--duplicate-stdout-filters=loss"), {out: both[3:]},
          "of the ranks that are tee'd")
    nowhere = place.shell(SPEAKERS, "--log-dir=/dev/null", "--tee=3", "--max-restarts=1",
                          "--duplicate-stdout-filters=loss").wait(60)
    equal(nowhere.code, 0, "exit code", nowhere.output)
    equal(count("--duplicate-stdout-filters.*/dev/null", nowhere.output), 1, "warnings",
          nowhere.output)


def the_filtered_files_of_every_attempt(place):
    script = 'echo "loss $TORCHELASTIC_RESTART_COUNT"; exit $((1 - TORCHELASTIC_RESTART_COUNT))'
    job = place.shell(script, "--log-dir=logs", "--tee=3", "--max-restarts=1",
                      "--duplicate-stdout-filters=loss", workers=1).wait(60)
    equal(job.code, 0, "exit code", job.output)
    for attempt in (0, 1):
        equal(logs(place)[f"attempt_{attempt}/filtered_stdout.log"],
              b"[default0]:loss %d\n" % attempt, f"lines of attempt {attempt}")


def prefixes(place):
    host = os.uname().nodename.partition(".")[0]
    for template, shown in (("${role_name}|$local_rank|${rank}|${hostname}: ", f"r|1|1|{host}: "),
                            ("$$rank ${nope} ", "$rank ${nope} "), ("%s", "%s")):
        options = ("--log-dir=logs", "--tee=3", "--role=r", f"--log-line-prefix-template={template}")
        job = place.shell('[ $RANK = 0 ] || echo words', *options).wait(60)
        equal(job.code, 0, "exit code", job.output)
        equal(alone.workers_words(job.output), [shown + "words"], f"lines with '{template}'")
    by_variable = place.shell("echo words", "--log-dir=logs", "--tee=3", workers=1, environment={
        "TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE": "<$rank>"}).wait(60)
    equal(by_variable.output, "<0>words\n", "lines with the variable")


# --- disks ---------------------------------------------------------------------------------------

def on_small_disk(size):
    """What starts a program that sees an almost empty disk of that size at "logs"."""
    options = [] if os.geteuid() == 0 else ["--map-root-user"]
    mount = f'mkdir -p logs && mount -t tmpfs -o {size} none logs && exec "$@"'
    return ["unshare", "--mount", *options, "sh", "-c", mount, "sh"]


def warnings(output):
    """Lines that tell of the full disk; what else finds no room there says so for itself."""
    return [line for line in output.splitlines()
            if "no space left" in line and "no notice for the workers" not in line]


def equal_warning(output):
    lines = warnings(output)
    equal(len(lines), 1, "lines that tell of the full disk", output)
    check(re.search(r"W\d{4} .* write to the log folder \S+/logs/\S+: no space left on device",
                    lines[0]), "it names the folder", output)


def a_full_disk_that_makes_workers_fail(place):
    text = """
        while True:
            print("x" * 1000)
    """
    for stream in ("--redirects=3", "--tee=3"):
        job = python(place, text, "--log-dir=logs", stream, workers=2,
                     run=on_small_disk("size=256k")).wait(60)
        equal(job.code, 1, "exit code", job.output[-3000:])
        equal_warning(job.output)
        check("FAILED" in job.output, "the report says which worker failed", job.output[-3000:])


def a_full_disk_that_workers_do_not_notice(place):
    script = "yes | head -c 1000000 2>/dev/null; exit 0"
    for stream in ("--redirects=3", "--tee=3"):
        job = place.shell(script, "--log-dir=logs", stream, run=on_small_disk("size=256k")).wait(60)
        equal(job.code, 0, "exit code", job.output[-3000:])
        equal_warning(job.output)


def a_full_disk_is_told_while_workers_run(place):
    script = "yes | head -c 1000000 2>/dev/null; until [ -e go ]; do sleep 0.01; done"
    job = place.shell(script, "--log-dir=logs", "--tee=3", run=on_small_disk("size=256k"))
    job.wait_until(lambda: warnings(job.output()), 60, "the full disk is told")
    (place.folder / "go").touch()
    outcome = job.wait(60)
    equal(outcome.code, 0, "exit code", outcome.output[-3000:])
    equal_warning(outcome.output)


def folders_that_cannot_be_made(place):
    first = place.shell("exit 0", "--log-dir=logs", "--tee=3",
                        run=on_small_disk("nr_inodes=1")).wait(60)
    equal(first.code, 1, "exit code", first.output)
    check(re.search(r"make a log folder \S+/logs/\S+: no space left on device", first.output),
          "it names the folder", first.output)
    equal(len(warnings(first.output)), 1, "lines that tell it", first.output)
    # Room for the files of the first attempt only.
    later = place.shell("exit 3", "--log-dir=logs", "--tee=3", "--max-restarts=3", workers=1,
                        run=on_small_disk("nr_inodes=7")).wait(60)
    check(re.search(r"make the log folder \S+/logs/\S+/attempt_1\S*: no space left on device",
                    later.output), "it names the folder of the next attempt", later.output)


def a_console_on_a_full_disk(place):
    run = on_small_disk("size=64k")
    run[-2] = run[-2].replace("exec", "head -c 64k /dev/zero >logs/console; exec") + " >>logs/console"
    job = place.shell("echo words", "--log-dir=files", "--tee=3", workers=1, run=run).wait(60)
    equal(job.code, 0, "exit code", job.output)
    equal(count(r"no room for lines on stdout", job.output), 1, "lines that tell it", job.output)
    equal(logs(place, "files")["attempt_0/0/stdout.log"], b"words\n", "the file")


alone.run_cases(__doc__, (
    no_line_is_lost_split_or_mixed, every_byte_passes, a_line_may_be_longer_than_memory,
    a_file_may_be_emptied, nobody_waits_for_a_slow_console, a_closed_console_ends_nothing,
    lines_that_are_looked_for, the_filtered_files_of_every_attempt, prefixes,
    a_full_disk_that_makes_workers_fail, a_full_disk_that_workers_do_not_notice,
    a_full_disk_is_told_while_workers_run, folders_that_cannot_be_made, a_console_on_a_full_disk))
