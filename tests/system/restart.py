#!/usr/bin/env python3
"""A worker that is killed restarts the whole job: all workers get the same restart count, training
goes on from its checkpoint, one line tells what was killed and where; until no restart is left."""

import re

import harness
from harness import check, count, equal

# Marks the attempt, then becomes the training program.
TRAIN = """
    #!/bin/sh
    echo "$MASTER_PORT" >"attempts/$TORCHELASTIC_RESTART_COUNT.$RANK"
    exec python3 -u examples/train.py "$@"
"""

# Marks the attempt and runs until the last one.
WORKER = """
    #!/bin/sh
    echo $$ >"attempts/.$RANK"
    mv "attempts/.$RANK" "attempts/$TORCHELASTIC_RESTART_COUNT.$RANK"
    exec sleep 1000
"""


def attempts(folder):
    """What each attempt's workers wrote: {restart count: {rank: text}}."""
    found = {}
    for path in folder.glob("[0-9]*"):
        attempt, rank = path.name.split(".")
        found.setdefault(int(attempt), {})[int(rank)] = path.read_text().strip()
    return found


def told_kill(node, output):
    """The lines that tell of a killed worker of a node: (rank, local rank, pid, restart)."""
    pattern = (rf"rank (\d+) \(node {node}, local rank (\d), pid (\d+)\)"
               r".*SIGKILL.*restart (\d of \d)")
    return re.findall(pattern, output)


def training_resumes(cluster):
    folder = cluster.folder("attempts")
    cluster.script("train.sh", TRAIN)
    job = cluster.start("srun", "-N4", "--gpus=12", "--torchelastic", "--nproc-per-node=gpu",
                        "--max-restarts=2", "--no-python", "./train.sh", "--epochs", "3",
                        "--step-seconds", "0.2", python=cluster.python())
    job.wait_until((cluster.home / "checkpoint.pt").exists, 120, "there is a checkpoint")
    victim = cluster.workers("n3")[1]
    cluster.kill("n3", victim.pid)
    outcome = job.wait(240)
    equal(outcome.code, 0, "exit code", outcome.output)

    seen = attempts(folder)
    equal({count: len(ranks) for count, ranks in seen.items()}, {0: 12, 1: 12},
          "restart counts and their workers", outcome.output)
    ports = [set(ranks.values()) for ranks in seen.values()]
    equal([len(each) for each in ports], [1, 1], "ports of each attempt", outcome.output)

    told = told_kill("n3", outcome.output)
    equal([(each[2], each[3]) for each in told], [(str(victim.pid), "1 of 2")],
          "who was killed, as told", outcome.output)
    equal(count(r"^resumed from epoch \d+ step \d+$", outcome.output), 1,
          "the training resumes", outcome.output)
    equal(count(r"^epoch 2 of 3: loss", outcome.output), 1, "the last epoch", outcome.output)
    cluster.expect_nothing_left(outcome.output)
    cluster.expect_no_files(outcome.output)


def restarts_run_out(cluster):
    folder = cluster.folder("attempts")
    cluster.script("worker.sh", WORKER)
    job = cluster.start("srun", "-N4", "--torchelastic", "--nproc-per-node=2", "--max-restarts=2",
                        "--no-python", "./worker.sh")
    for attempt in range(3):
        job.wait_until(lambda: len(attempts(folder).get(attempt, {})) == 8, 60,
                       f"all workers run with restart count {attempt}")
        cluster.kill("n3", attempts(folder)[attempt][5])
    outcome = job.wait(60)
    equal(outcome.code, 137, "exit code", outcome.output)
    seen = attempts(folder)
    equal({count: len(ranks) for count, ranks in seen.items()}, {0: 8, 1: 8, 2: 8},
          "restart counts and their workers", outcome.output)
    equal(told_kill("n3", outcome.output),
          [("5", "1", seen[0][5], "1 of 2"), ("5", "1", seen[1][5], "2 of 2")],
          "restarts, as told", outcome.output)
    check(count(rf"^W.*rank 5 \(node n3.*pid {seen[2][5]}\).*restarts", outcome.output) == 1,
          "the end is told", outcome.output)
    equal(count("Root Cause", outcome.output), 1, "reports", outcome.output)
    cluster.expect_nothing_left(outcome.output)
    cluster.expect_no_files(outcome.output)


def test():
    with harness.Cluster() as cluster:
        for case in (training_resumes, restarts_run_out):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)


harness.main(__doc__, test, 420)
