#!/usr/bin/env python3
"""Two jobs run on the same nodes at once, each with a port and a run id of its own, and the
failure of one does not disturb the other."""

import harness
from harness import check, equal

# Stays until it is told to go on, in the way it is told.
WORKER = """
    #!/bin/sh
    echo "$MASTER_PORT $TORCHELASTIC_RUN_ID $SLURMD_NODENAME" >"$1/.$RANK"
    mv "$1/.$RANK" "$1/$RANK"
    until [ -s "$1/exit" ]; do sleep 0.05; done
    exit "$(cat "$1/exit")"
"""
NODES = ["n1", "n1", "n2", "n2", "n3", "n3", "n4", "n4"]


class Pair:
    """Two jobs, both of which run on all nodes."""

    def __init__(self, cluster):
        self.folders = [cluster.folder(name) for name in ("first", "second")]
        self.jobs = [cluster.start("srun", "-N4", "--gpus-per-node=1", "--torchelastic",
                                   "--nproc-per-node=2", "--no-python", "./worker.sh", folder)
                     for folder in self.folders]
        for index, job in enumerate(self.jobs):
            job.wait_until(lambda: len(self.marks(index)) == 8, 60,
                           f"the workers of job {index} run")

    def marks(self, index):
        """What the workers of one job wrote, in the order of ranks."""
        found = sorted(self.folders[index].glob("[0-9]"))
        return [path.read_text().split() for path in found]

    def tell(self, index, code):
        path = self.folders[index] / ".exit"
        path.write_text(str(code))
        path.rename(self.folders[index] / "exit")
        return self.jobs[index].wait(60)


def both_succeed(cluster):
    pair = Pair(cluster)
    first, second = pair.marks(0), pair.marks(1)
    output = pair.jobs[0].output() + pair.jobs[1].output()
    for marks in (first, second):
        equal([node for _, _, node in marks], NODES, "nodes in the order of ranks", output)
        equal(len({(port, run) for port, run, _ in marks}), 1, "ports and run ids", output)
    check(first[0][0] != second[0][0], f"the ports differ: {first[0][0]}", output)
    check(first[0][1] != second[0][1], f"the run ids differ: {first[0][1]}", output)
    for index in (0, 1):
        job = pair.tell(index, 0)
        equal(job.code, 0, f"exit code of job {index}", job.output)
    cluster.expect_nothing_left(output)


def one_fails(cluster):
    pair = Pair(cluster)
    failed = pair.tell(0, 7)
    equal(failed.code, 7, "exit code of the job that fails", failed.output)
    check(not pair.jobs[1].ended(), "the other runs on", pair.jobs[1].output())
    for node in cluster.nodes:
        equal(len(cluster.workers(node)), 2, f"workers of the other on {node}", failed.output)
    other = pair.tell(1, 0)
    equal(other.code, 0, "exit code of the other", other.output)
    cluster.expect_nothing_left(failed.output + other.output)


def test():
    with harness.Cluster() as cluster:
        cluster.script("worker.sh", WORKER)
        for case in (both_succeed, one_fails):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)


harness.main(__doc__, test)
