#!/usr/bin/env python3
"""Whatever nonsense the program is given, it says in one line what is wrong with it, ends with the
exit code that the README promises, and leaves nothing behind."""

import errno
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess

import alone
import harness
from harness import check, count, equal

LOG_LINE = r"^[WE]\d{4} \d\d:\d\d:\d\d\.\d{3} "
MANY = 10_000
STRANGER = 61_000 + os.getpid() % 4_000  # a user of whom nobody has heard


def expect_usage_error(place, wrong, words, environment=(), command=("run",)):
    """Two lines: how it is used, and what was wrong."""
    outcome = place.run(*wrong, command=command, environment=environment)
    equal(outcome.code, 2, f"exit code of {wrong} {environment}", outcome.output)
    lines = outcome.output.splitlines()
    equal(len(lines), 2, f"lines about {wrong} {environment}", outcome.output)
    check(lines[0].startswith("usage: torchelastic run "), "the usage first", outcome.output)
    check(count(f"^torchelastic run: error: .*{words}", lines[1]) == 1, f"words like '{words}'",
          outcome.output)


def expect_one_line(outcome, code, words):
    """The launcher says one thing on its own account, besides the report."""
    equal(outcome.code, code, "exit code", outcome.output)
    told = [line for line in alone.workers_words(outcome.output) if count(LOG_LINE, line)]
    equal(len(told), 1, "lines that the launcher says", outcome.output)
    check(count(words, told[0]) == 1, f"a line like '{words}'", outcome.output)


def wrong_options(place):
    for wrong, words in (
            (["--frobnicate", "a.py"], "unrecognized arguments: --frobnicate"),
            (["--nproc"], "ambiguous option: --nproc could match"),
            (["--nnodes"], "argument --nnodes: expected one argument"),
            ([], "the following arguments are required: training_script"),
            ([""], "argument training_script: must not be empty"),
            (["--standalone=1", "a.py"], "ignored explicit argument '1'"),
            (["--nnodes=3:2", "a.py"], "at least 3 and at most 2"),
            (["--nnodes=0", "a.py"], "'0'"),
            (["--nnodes=1:2:3", "a.py"], "'1:2:3'"),
            (["--nproc-per-node=0", "a.py"], "'0' is not a number of workers"),
            (["--nproc-per-node=-1", "a.py"], "'-1' is not a number of workers"),
            (["--nproc-per-node=foo", "a.py"], "'foo' is not a number of workers"),
            (["--nproc-per-node=1.5", "a.py"], "'1.5' is not a number of workers"),
            (["--nproc-per-node=99999999999", "a.py"], "'99999999999'"),
            (["--max-restarts=-1", "a.py"], "'-1' must be 0 or more"),
            (["--max-restarts=x", "a.py"], "invalid int value: 'x'"),
            (["--monitor-interval=0", "a.py"], "'0' must be more than 0"),
            (["--shutdown-timeout=-1", "a.py"], "'-1' must be 0 or more"),
            (["--start-method=thread", "a.py"], "invalid choice: 'thread'"),
            (["--redirects=4", "a.py"], "'4' is neither 0"),
            (["--tee=0:1,", "a.py"], "'0:1,' is neither 0"),
            (["--local-ranks-filter=a,b", "a.py"], "'a,b' is not a list of local ranks"),
            (["--rdzv-conf=a", "a.py"], "'a'"),
            (["--rdzv-conf==b", "a.py"], "'=b' is not in the form KEY=VALUE"),
            (["--rdzv-conf=join_timeout=0", "a.py"], "join_timeout takes .*, not '0'"),
            (["--rdzv-backend=nope", "a.py"], "'nope'"),
            (["--rdzv-endpoint=bad host:12", "a.py"], "'bad host:12'"),
            (["--master-port=99999", "a.py"], "'99999' is no port"),
            (["--node-rank=-1", "a.py"], "'-1' must be 0 or more"),
            (["--event-log-handler=nope", "a.py"], "'nope' is no place for events"),
            (["--numa-binding=nope", "a.py"], "'nope'"),
            (["--logs-specs=nope", "a.py"], "'nope'"),
            (["--print-completion=fish"], "'fish'"),
            (["--module", "--no-python", "a"], "--no-python and --module"),
            ([b"--\xff\xfe", "a.py"], r"unrecognized arguments: --\\xff\\xfe"),
            (["--x\ny", "a.py"], r"unrecognized arguments: --x\\x0ay")):
        expect_usage_error(place, wrong, words)


def wrong_variables(place):
    for name, value, words in (
            ("PET_NPROC_PER_NODE", "zwei", r"\(PET_NPROC_PER_NODE\): 'zwei'"),
            ("PET_MAX_RESTARTS", "", r"\(PET_MAX_RESTARTS\): invalid int value: ''"),
            ("PET_STANDALONE", "perhaps", r"\(PET_STANDALONE\): 'perhaps'"),
            ("PET_MONITOR_INTERVAL", "x", r"\(PET_MONITOR_INTERVAL\): invalid float value: 'x'"),
            ("PET_REDIRECTS", "9", r"\(PET_REDIRECTS\): '9'"),
            ("PET_RDZV_CONF", "=", r"\(PET_RDZV_CONF\): '='"),
            ("PET_TEE", b"\xff\n", r"\(PET_TEE\): '\\xff\\x0a'")):
        expect_usage_error(place, ["a.py"], words, {name: value})
    # The command line counts before the environment, where nonsense is not even read.
    job = place.run("--nproc-per-node=1", "--no-python", "true",
                    environment={"PET_NPROC_PER_NODE": "zwei"})
    equal((job.code, job.output), (0, ""), "a variable that does not count")


def wrong_scripts(place):
    (place.folder / "plain.sh").write_text("exit 0\n")
    for script, words in (("./missing.sh", r"exec \./missing\.sh: no such file"),
                          ("missing-program", "missing-program: no such program in PATH"),
                          ("./plain.sh", r"exec \./plain\.sh: permission denied \(chmod \+x makes"),
                          (place.folder, r"exec /.*: permission denied")):
        outcome = place.run("--nproc-per-node=2", "--max-restarts=3", "--no-python", script)
        expect_one_line(outcome, 127, words)
        equal(count("not tried again", outcome.output), 1, "no restart", outcome.output)
    place.script("no_interpreter", "#!/no/such/interpreter\n")
    expect_one_line(place.run("--no-python", "./no_interpreter"), 127,
                    "the interpreter or loader that it names is not")
    for script, words in (("missing.py", "start missing.py: no such file or directory"),
                          (place.folder, "it is a folder without a __main__.py")):
        outcome = place.run("--nproc-per-node=2", "--max-restarts=3", script)
        expect_one_line(outcome, 127, words)
        equal(count("python3", outcome.output), 0, "words of Python", outcome.output)
    outcome = place.run("a.py", environment={"PYTHON_EXEC": "/no/python9"})
    expect_one_line(outcome, 127, "exec /no/python9: no such file")


def no_devices(place):
    outcome = place.run("--nproc-per-node=gpu", "a.py", environment={"CUDA_VISIBLE_DEVICES": ""})
    expect_one_line(outcome, 1, "--nproc-per-node=gpu: ")


def log_folders(place):
    (place.folder / "file").write_text("")
    for folder in ("file", "file/below"):
        for options in ([], ["--redirects=3"]):
            outcome = place.run(f"--log-dir={folder}", *options, "--no-python", "true")
            expect_one_line(outcome, 1, rf"make the log folder {folder}: not a directory")
    if os.geteuid() != 0:
        (place.folder / "closed").mkdir(mode=0o555)
    else:
        (place.folder / "closed").mkdir()
    outcome = as_stranger(place, "--log-dir=closed/logs", "--no-python", "true")
    expect_one_line(outcome, 1, "make the log folder closed/logs: permission denied")


def as_stranger(place, *arguments, **options):
    """Runs as a user who owns nothing here, where we may do so; else as ourselves."""
    place.folder.chmod(0o755)
    place.temporary.chmod(0o1777)
    if not (place.folder / "torchelastic").exists():
        shutil.copy(harness.program("bin/torchelastic"), place.folder)
    if os.geteuid() == 0:
        options |= {"user": STRANGER, "group": STRANGER, "extra_groups": []}
    return place.run(*arguments, argv0=place.folder / "torchelastic", **options)


def own_tasks():
    """How many tasks of this user count against RLIMIT_NPROC."""
    if os.geteuid() == 0:
        return 0  # of the stranger
    return sum(1 for task in pathlib.Path("/proc").glob("[0-9]*/task/*")
               if task.stat().st_uid == os.geteuid())


def more_workers_than_allowed(place):
    processes = own_tasks() + 100
    outcome = as_stranger(place, f"--nproc-per-node={MANY}", "--max-restarts=2", "--no-python",
                          "sleep", "1000", preexec_fn=lambda: resource.setrlimit(
                              resource.RLIMIT_NPROC, (processes, processes)))
    expect_one_line(outcome, 127, r"start sleep: fork: .*\(the limit is ulimit -u or .*pids\.max\)")
    place.expect_nothing_left(outcome.output)
    outcome = place.run(f"--nproc-per-node={MANY}", "--no-python", "true",
                        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
    expect_one_line(outcome, 127,
                    r"start true: make a pipe: too many open files \(the limit is ulimit -n\)")


def no_descriptors(place):
    """Not even for the loop."""
    if "-fsanitize=" in place.run("--version", command=()).output:
        return  # a sanitizer needs a pipe to look before it speaks
    outcome = place.run("--no-python", "true", preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (4, 4)))
    equal((outcome.code, outcome.output),
          (1, "torchelastic: error: epoll: Too many open files\n"), "what it says")


def taken_port(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = place.run("--master-addr=127.0.0.1", f"--master-port={port}", "--no-python",
                            "true", command=("run",))
        expect_one_line(outcome, 1, rf"{port}.*in use")


def names_of_no_address(place):
    """Workers would look for the store there for minutes."""
    for option in ("--master-addr", "--local-addr"):
        for name in ("no.such.host.invalid", "999.1.1.1", "a\x1b[31m b"):
            outcome = place.run(f"{option}={name}", "--no-python", "true", command=("run",))
            expect_one_line(outcome, 1, f"{option}: look up '")
            check("\x1b" not in outcome.output, "nothing that a terminal obeys", outcome.output)


def strangers_at_the_store(place):
    """Whatever it is called, a single node's store is for that node: 127.0.0.2 stands for others."""
    worker = place.script("stranger.py", '''
import os, socket
to = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
stranger = socket.create_connection(to, timeout=20, source_address=("127.0.0.2", 0))
assert stranger.recv(1) == b"", "the store hangs up"
''')
    for option in ("--local-addr=localhost", "--master-addr=localhost", "--local-addr=127.0.0.1"):
        outcome = place.run(option, "--worker-store=agent", worker, command=("run",))
        expect_one_line(outcome, 0, "127.0.0.2:.*not the address of a node of this job")


def file_size_limit(place):
    """Of ulimit -f the worker dies; the agent, whose console is a file as well, says so."""
    with open(place.folder / "console", "wb") as console:
        job = subprocess.Popen(
            [harness.program("bin/torchelastic"), "run", "--tee=3", "--log-dir=logs", "--no-python",
             "seq", "1000000"], cwd=place.folder, stdin=subprocess.DEVNULL, stdout=console,
            stderr=subprocess.PIPE, preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_FSIZE, (8192, 8192)))
        _, told = job.communicate(timeout=60)
    told = told.decode()
    equal(job.returncode, 128 + signal.SIGXFSZ, "exit code of the worker, not ours", told)
    check("SIGXFSZ" in told and "seq FAILED" in told, "the report", told)


def folders_that_were_cleaned(place):
    """Cleaners of /tmp take what is old; who asked for no logs needs none for a restart."""
    worker = ('rm -rf "$TMPDIR"/torchelastic_*; : >ran.$TORCHELASTIC_RESTART_COUNT; '
              '[ "$TORCHELASTIC_RESTART_COUNT" = 2 ]')
    outcome = place.run("--max-restarts=2", "--no-python", "sh", "-c", worker)
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(len(place.marks("ran")), 3, "attempts", outcome.output)


def closed_descriptors(place):
    program = harness.program("bin/torchelastic")
    for closed in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"):
        for script, code in (("echo out; echo err >&2; : >ran.$RANK", 0), ("exit 5", 5)):
            place.forget()
            command = ('exec "$0" run --nproc-per-node=2 --tee=3 --log-dir=logs --no-python '
                       f'sh -c "$1" {closed}')
            job = place.start(command, program, script, argv0="sh", command=("-c",)).wait(60)
            equal(job.code, code, f"exit code with {closed} for '{script}'", job.output)
            if code == 0:
                equal(len(place.marks("ran")), 2, f"workers that ran with {closed}", job.output)


def full_console(place):
    outcome = place.run("--help", command=("run",), run=("sh", "-c", '"$0" "$@" >/dev/full'))
    equal((outcome.code, outcome.output),
          (1, "torchelastic: error: write to stdout: No space left on device\n"), "--help")


def reader_that_goes(place):
    """As `| head -1`: nobody reads any more, and that harms neither the job nor its exit code."""
    for script, code in (("seq 1 100000; : >ran.$RANK", 0), ("seq 1 100000 >&2; exit 3", 3)):
        place.forget()
        reader, writer = os.pipe()
        job = subprocess.Popen(
            [harness.program("bin/torchelastic"), "run", "--nproc-per-node=2", "--tee=3",
             "--log-dir=logs", "--no-python", "sh", "-c", script],
            cwd=place.folder, env=place.environment, stdin=subprocess.DEVNULL, stdout=writer,
            stderr=writer, start_new_session=True)
        os.close(writer)
        os.read(reader, 1)
        os.close(reader)
        equal(job.wait(60), code, f"exit code for '{script}' when nobody reads")
        if code == 0:
            equal(len(place.marks("ran")), 2, "workers that came to their end")
        place.expect_nothing_left(script)
    shell = f"{harness.program('bin/torchelastic')} run --help | head -1"
    job = place.start(shell, argv0="sh", command=("-c",)).wait(60)
    equal((job.code, len(job.output.splitlines())), (0, 1), "--help | head -1", job.output)


def large_environment(place):
    large = {f"LARGE_{each}": "x" * 100_000 for each in range(10)}
    job = place.shell("echo ${#LARGE_9}", environment=large).wait(60)
    equal((job.code, alone.workers_words(job.output)), (0, ["100000"] * 2), "1 MB arrives",
          job.output)
    # The most that the kernel lets the launcher have is too much with what it adds for a worker.
    fits, too_much = 0, 400_000
    while too_much - fits > 1:
        middle = (fits + too_much) // 2
        if run_with_variables(place, middle) is None:
            too_much = middle
        else:
            fits = middle
    expect_one_line(run_with_variables(place, fits), 127, "exec /.*: argument list too long")


def run_with_variables(place, size):
    """`size` bytes of them, where a program may have 128 kB; None if that is too much."""
    little_stack = (512 * 1024, 512 * 1024)
    try:
        return place.run("--no-python", "/bin/true", environment={
            f"X{at}": "x" * min(10_000, size - at) for at in range(0, size, 10_000)
        }, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, little_stack))
    except OSError as error:
        equal(error.errno, errno.E2BIG, "why the launcher does not start")
        return None


def raw_bytes(place):
    """Arguments, names and variables are bytes; where they are shown they do no terminal harm."""
    words = ["größe".encode(), b"\xff\xfe", b"$$", b"$x ${local_rank}x", b"--help", b"", b"a\nb",
             b"\x1b[31m"]
    (place.folder / "wörk er.sh").write_text(
        '#!/bin/sh\nprintf "%s\\0" "$@" "$MINE" "$ROLE_NAME" >said.$RANK\n')
    (place.folder / "wörk er.sh").chmod(0o755)
    job = place.run(b"--role=\xff\xe2", "--rdzv-id=ä/../\x1b[31m", "--log-dir=prötokoll x",
                    "--redirects=3", "--no-python", "./wörk er.sh", *words,
                    environment={"MINE": b"\xf0\x28"})
    equal((job.code, job.output), (0, ""), "exit code and console")
    expected = [b"$x 0x" if each.startswith(b"$x") else each for each in words]
    equal((place.folder / "said.0").read_bytes().split(b"\0")[:-1],
          expected + [b"\xf0\x28", b"\xff\xe2"], "what the worker was told")
    check((place.folder / "prötokoll x").is_dir(), "the log folder")
    outcome = place.run("--no-python", b"./\xff\n\x1b[31m")
    expect_one_line(outcome, 127, r"exec \./\\xff\\x0a\\x1b\[31m: no such file")
    check("\x1b" not in outcome.output, "nothing that a terminal obeys", outcome.output)
    outcome = place.run("--frobnicate", "a.py",
                        environment={"TORCHELASTIC_ERROR_FILE": b"/no\n\x1b[31m/e.json"})
    equal(outcome.output.splitlines()[2:],
          [r"torchelastic: error: write the error file /no\x0a\x1b[31m/e.json: open it: "
           "no such file or directory"], "one line about a file of that name", outcome.output)


alone.run_cases(__doc__, (wrong_options, wrong_variables, wrong_scripts, no_devices, log_folders,
                          more_workers_than_allowed, no_descriptors, taken_port,
                          names_of_no_address,
                          strangers_at_the_store, file_size_limit, folders_that_were_cleaned,
                          closed_descriptors, full_console, reader_that_goes,
                          large_environment, raw_bytes))
