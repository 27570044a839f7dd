#!/usr/bin/env python3
"""Sixteen nodes are one job: ranks in the nodes' order (n10 behind n9), one line for the crash of a
worker on one of them, all workers run again with the same restart count, nothing is left."""

import re

import harness
from harness import count, equal

# In the first round it stays, but for rank 17, which fails once all are there.
WORKER = """
    #!/bin/sh
    echo "attempt $TORCHELASTIC_RESTART_COUNT: rank $RANK of $WORLD_SIZE on $SLURMD_NODENAME"
    [ "$TORCHELASTIC_RESTART_COUNT" = 0 ] || exit 0
    : >"marks/$RANK"
    [ "$RANK" = 17 ] || exec sleep 1000
    until [ "$(ls marks | wc -l)" = 32 ]; do sleep 0.05; done
    exit 3
"""
NODES = [f"n{each // 2 + 1}" for each in range(32)]


def test():
    with harness.Cluster(",".join(["2"] * 16)) as cluster:
        cluster.script("worker.sh", WORKER)
        cluster.folder("marks")
        job = cluster.run("srun", "-N16", "--gpus-per-node=2", "--torchelastic",
                          "--nproc-per-node=gpu", "--max-restarts=1", "--no-python", "./worker.sh")
        equal(job.code, 0, "exit code", job.output)
        for attempt in (0, 1):
            seen = re.findall(rf"attempt {attempt}: rank (\d+) of 32 on (\w+)", job.output)
            equal([node for _, node in sorted(seen, key=lambda each: int(each[0]))], NODES,
                  f"nodes by rank, attempt {attempt}", job.output)
        equal(count(r"^W.*rank 17 \(node n9, local rank 1, pid \d+\) failed: exit code 3; "
                    r"restarting all 32 workers \(restart 1 of 1\)$", job.output), 1,
              "lines that tell of the crash", job.output)
        cluster.expect_nothing_left(job.output, 10)
        cluster.expect_no_files(job.output)


harness.main(__doc__, test)
