#!/usr/bin/env python3
"""A worker that fails with no restarts left ends the whole step within two seconds, with the
worker's own exit code and one report that says where and why."""

import harness
from harness import check, count, equal

AT_ONCE = 2.0  # seconds from the failure to the end of srun

# One worker, rank 3 of 8, fails as soon as all run; the others would run for ever.
WORKER = """
    #!/bin/sh
    marks=$1
    failure=$2
    touch "$marks/$RANK"
    if [ "$RANK" = 3 ]; then
        until [ "$(ls "$marks" | wc -l)" = "$WORLD_SIZE" ]; do sleep 0.05; done
        date +%s.%N >"$marks/failed"
        eval "$failure"
    fi
    exec sleep 1000
"""
LINE = ["srun", "-N4", "--torchelastic", "--nproc-per-node=2", "--no-python"]


def fail(cluster, failure):
    """Returns the job and how long it lived on after its worker's failure."""
    marks = cluster.folder("marks")
    job = cluster.run(*LINE, "--max-restarts=0", "./worker.sh", marks, failure)
    check((marks / "failed").exists(), "the worker came to its failure", job.output)
    return job, job.ended - float((marks / "failed").read_text())


def check_report(job, exit_code):
    equal(count("Root Cause", job.output), 1, "reports", job.output)
    for words in (r"host +: n2$", r"rank +: 3 \(local_rank: 1\)$", rf"exitcode +: {exit_code} "):
        equal(count(words, job.output), 1, f"lines of the report with '{words}'", job.output)
    equal(count(r"^W.*rank 3 \(node n2, local rank 1, pid \d+\) failed", job.output), 1,
          "lines of the log that tell the failure", job.output)


def exits_37(cluster):
    job, seconds = fail(cluster, "exit 37")
    equal(job.code, 37, "exit code", job.output)
    check(seconds <= AT_ONCE, f"ends within {AT_ONCE} s: took {seconds:.2f} s", job.output)
    check_report(job, "37")
    cluster.expect_nothing_left(job.output)
    cluster.expect_no_files(job.output)
    print(f"   {seconds:.2f} s from the failure to srun's end")


def is_killed_by_sigsegv(cluster):
    job, seconds = fail(cluster, "kill -SEGV $$")
    equal(job.code, 139, "exit code", job.output)
    check(seconds <= AT_ONCE, f"ends within {AT_ONCE} s: took {seconds:.2f} s", job.output)
    check_report(job, "-11")
    equal(count("SIGSEGV", job.output) >= 2, True, "the signal's name is told", job.output)
    cluster.expect_nothing_left(job.output)
    cluster.expect_no_files(job.output)


def does_not_exist(cluster):
    job = cluster.run(*LINE, "--max-restarts=3", "./no-such-program")
    equal(job.code, 127, "exit code", job.output)
    equal(count("Root Cause", job.output), 1, "reports", job.output)
    check(count(r"^W.*node n[1-4].*no-such-program: no such file", job.output) == 1,
          "one clear message", job.output)
    equal(count(r"not tried again", job.output), 1, "words about restarts", job.output)
    equal(count(r"restart \d+ of 3", job.output), 0, "restarts", job.output)
    cluster.expect_nothing_left(job.output)
    cluster.expect_no_files(job.output)


def test():
    with harness.Cluster() as cluster:
        cluster.script("worker.sh", WORKER)
        for case in (exits_37, is_killed_by_sigsegv, does_not_exist):
            harness.step(f"a worker {case.__name__}")
            case(cluster)


harness.main(__doc__, test)
