#!/usr/bin/env python3
"""Without Slurm the program does on one machine what torchrun does: exit codes, log files, signals,
usage errors, and nothing left behind, whoever is killed."""

import os
import re
import signal
import subprocess

import harness
from alone import Place, workers_words
from harness import check, count, equal

# Says that it runs, and what it is told; goes at once.
OBEDIENT = 'trap ": >told.$RANK; exit 0" TERM INT; : >runs.$RANK; while :; do sleep 1; done'

# Hides a child in a session of its own and a daemon with a child; these ignore SIGTERM.
HIDING = """
    (trap '' TERM; setsid sleep 1000 & (setsid sh -c 'sleep 1000 & sleep 1000' &))
    exec sleep 1000
"""
HIDING_PROCESSES = 2 + 2 * 5  # keeper, agent, and of each of two workers all of the above


def exit_codes(place):
    for script, code in (("exit 0", 0), ("exit 3", 3), ("kill -SEGV $$", 139),
                         ("[ $RANK = 0 ] || exit 5; sleep 1000", 5),
                         ("exit $((7 * (1 - TORCHELASTIC_RESTART_COUNT)))", 0)):
        job = place.shell(script, "--max-restarts=1").wait(60)
        equal(job.code, code, f"exit code for '{script}'", job.output)
        place.expect_nothing_left(job.output)
    missing = place.run("--no-python", "./no-such-program")
    equal(missing.code, 127, "exit code for a missing program", missing.output)
    check("no-such-program: no such file" in missing.output, "a clear message", missing.output)
    place.expect_no_files(missing.output)


def logs(place, *options):
    """What a job of two workers writes to the console, and {file below --log-dir: content}."""
    folder = place.folder / "logs"
    subprocess.run(["rm", "-rf", folder], check=True)
    job = place.shell("echo out $RANK; echo err $RANK >&2", "--log-dir=logs", *options).wait(60)
    equal(job.code, 0, "exit code", job.output)
    found = {}
    for path in folder.rglob("*.log"):
        run, _, below = str(path.relative_to(folder)).partition("/")
        check(re.fullmatch(r"mine_.{6}", run), f"the run's folder is named after it: {run}",
              job.output)
        found[below] = path.read_text()
    return sorted(workers_words(job.output)), found


def log_files(place):
    both = {f"attempt_0/{rank}/std{stream}.log": f"{stream} {rank}\n"
            for rank in (0, 1) for stream in ("out", "err")}
    plain = ["err 0", "err 1", "out 0", "out 1"]
    equal(logs(place, "--rdzv-id=mine"), (plain, {}), "neither --tee nor --redirects")
    equal(logs(place, "--rdzv-id=mine", "--redirects=3"), ([], both), "--redirects=3")
    tee = ["[default0]:err 0", "[default0]:out 0", "[default1]:err 1", "[default1]:out 1"]
    equal(logs(place, "--rdzv-id=mine", "--tee=3"), (tee, both), "--tee=3")
    mixed = {path: text for path, text in both.items() if path != "attempt_0/1/stderr.log"}
    equal(logs(place, "--rdzv-id=mine", "--redirects=0:3", "--tee=1:1"),
          (["[default1]:out 1", "err 1"], mixed), "--redirects=0:3 --tee=1:1")


def called_as_torchrun(place):
    link = place.folder / "torchrun"
    link.symlink_to(harness.program("bin/torchelastic"))
    job = place.run("--nproc_per_node", "2", "--no_python", "sh", "-c", "echo $RANK of $WORLD_SIZE",
                    argv0=link, command=())
    equal(job.code, 0, "exit code", job.output)
    equal(count(r"^[01] of 2$", job.output), 2, "lines of workers", job.output)


def told_to_end(place):
    for number in (signal.SIGTERM, signal.SIGINT):
        place.forget()
        job = place.shell(OBEDIENT)
        job.wait_until(lambda: len(place.marks("runs")) == 2, 60, "the workers run")
        job.signal(number)
        outcome = job.wait(20)
        equal(outcome.code, 128 + number, f"exit code for {number.name}", outcome.output)
        equal(len(place.marks("told")), 2, "workers that were told", outcome.output)
        check(count(f"told to end by {number.name}", outcome.output) == 1, "one line says why",
              outcome.output)
        place.expect_nothing_left(outcome.output)
        place.expect_no_files(outcome.output)
    place.forget()


def killed(place):
    for whom in ("agent", "keeper"):
        job = place.shell(HIDING, "--max-restarts=3")
        job.wait_until(lambda: len(place.processes()) == HIDING_PROCESSES, 60,
                       "all workers and their hidden children run")
        os.kill(place.agent_of(job.pid) if whom == "agent" else job.pid, signal.SIGKILL)
        outcome = job.wait(20)
        equal(outcome.code, 137 if whom == "agent" else -9, f"exit code after the {whom}'s end",
              outcome.output)
        place.expect_nothing_left(outcome.output, 10)


def usage_errors(place):
    for wrong, words in ((["--nnodes=x", "a.py"], "argument --nnodes: 'x'"),
                         (["--nproc-per-node=0", "a.py"], "--nproc-per-node.*'0'"),
                         (["--frobnicate", "a.py"], "unrecognized arguments: --frobnicate"),
                         (["--max-restarts"], "argument --max-restarts.*expected one argument"),
                         ([], "required: training_script")):
        job = place.run(*wrong, command=("run",))
        equal(job.code, 2, f"exit code of {wrong}", job.output)
        equal(count(f"^torchelastic run: error: .*{words}", job.output), 1, "lines that tell it",
              job.output)
        check(len(job.output.splitlines()) == 2, "usage and one line", job.output)
    several = place.run("--nnodes=2", "a.py", command=("run",))
    check(several.code != 0, "several nodes need Slurm", several.output)
    equal(count(r"--nnodes=2: .*srun --torchelastic -N2", several.output), 1,
          "lines that tell the way out", several.output)


def test():
    with harness.scratch() as folder:
        place = Place(folder)
        for case in (exit_codes, log_files, called_as_torchrun, told_to_end, killed, usage_errors):
            harness.step(case.__name__.replace("_", " "))
            case(place)


harness.main(__doc__, test)
