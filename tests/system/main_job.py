#!/usr/bin/env python3
"""One srun line trains on four nodes: a worker for each GPU, global ranks in the nodes' order,
one falling loss, a checkpoint, exit code 0."""

import re

import harness
from harness import check, equal

LINE = ["srun", "-N4", "--gpus=12", "--torchelastic", "--nproc-per-node=gpu", "--max-restarts=2",
        "examples/train.py", "--epochs", "3"]
NODE_OF_RANK = ["n1"] * 2 + ["n2"] * 2 + ["n3"] * 4 + ["n4"] * 4


def test():
    with harness.Cluster() as cluster:
        job = cluster.run(*LINE, python=cluster.python(), limit=240)
        equal(job.code, 0, "exit code", job.output)

        seen = re.findall(r"rank (\d+) of (\d+): (\w+), local rank (\d+)", job.output)
        expected = [(str(rank), "12", node, str(rank - NODE_OF_RANK.index(node)))
                    for rank, node in enumerate(NODE_OF_RANK)]
        equal(sorted(seen, key=lambda each: int(each[0])), expected, "ranks and nodes", job.output)

        losses = [float(each) for each in re.findall(r"epoch \d of 3: loss ([\d.]+)", job.output)]
        equal(len(losses), 3, "lines with a loss, one per epoch", job.output)
        check(losses[0] > losses[1] > losses[2], f"the loss falls: {losses}", job.output)
        check((cluster.home / "checkpoint.pt").stat().st_size > 0, "there is a checkpoint")
        cluster.expect_nothing_left(job.output)
        cluster.expect_no_files(job.output)


harness.main(__doc__, test)
