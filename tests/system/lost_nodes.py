#!/usr/bin/env python3
"""In a batch job that was submitted with --no-kill, a node that is cut off or dies costs neither
the job nor a restart: a spare steps in, or the others go on, training resumes, and the job
completes. Who forgot --no-kill is told."""

import re

import harness
from harness import check, count, equal

# Runs until it is told, in the second round and later.
WORKER = """
    #!/bin/sh
    : >"marks/$GROUP_WORLD_SIZE.$RANK.$SLURMD_NODENAME"
    echo "rank $RANK of $WORLD_SIZE: $SLURMD_NODENAME"
    until [ -e go ]; do sleep 0.05; done
"""
JOB = """
    #!/bin/bash
    #SBATCH --nodes=4 --gpus-per-node=1 --no-kill --output=job.out
    srun --torchelastic --nproc-per-node=gpu --max-restarts=1 {line}
    code=$?
    echo "srun ended with $code"
    exit $code
"""


ADVICE = "unless that was submitted with --no-kill"


class Batch:
    """A batch job that is watched while it runs."""

    def __init__(self, cluster, line, **options):
        self.cluster = cluster
        self.file = cluster.home / "job.out"
        self.file.unlink(missing_ok=True)
        cluster.script("job.sh", JOB.format(line=line))
        job = cluster.run("sbatch", "--parsable", "job.sh", **options)
        equal(job.code, 0, "exit code of sbatch", job.output)
        self.id = job.output.strip()

    def output(self):
        return self.file.read_text() if self.file.exists() else ""

    def wait_until(self, condition, limit, what):
        harness.wait_until(condition, limit, what, self.output)

    def take_away(self, node):
        """As SlurmdTimeout would, after five minutes where nobody has changed it."""
        done = self.cluster.exec("login", "scontrol", "update", f"nodename={node}", "state=down",
                                 "reason=gone")
        equal(done.code, 0, "scontrol", done.output)

    def expect_success(self):
        self.wait_until(lambda: "srun ended with" in self.output(), 120, "the job ends")
        # srun of 24.11 and 26.05 has 1 for a lost node, whatever became of the others' tasks.
        code = 0 if " 22." in self.cluster.run("srun", "--version").output else 1
        equal(re.findall(r"^srun ended with (\d+)$", self.output(), re.MULTILINE), [str(code)],
              "srun's exit code", self.output())
        equal(count(ADVICE, self.output()), 0, "lines that tell of --no-kill", self.output())
        state = "FAILED" if code else "COMPLETED"
        self.wait_until(lambda: f"JobState={state}" in self.cluster.run(
            "scontrol", "show", "job", self.id).output, 20, state)
        return self.output()

    def expect_ranks(self, *nodes):
        """The last round's, in the order of ranks."""
        output = self.output()
        seen = re.findall(rf"^rank (\d+) of {len(nodes)}: (\w+)", output, re.MULTILINE)
        equal([node for _, node in sorted(seen[-len(nodes):])], list(nodes), "nodes", output)


def come_back(cluster, node):
    """For the next case."""
    def idle():
        return cluster.run("sinfo", "-hn", node, "-o%T").output.strip() == "idle"

    cluster.exec("login", "scontrol", "update", f"nodename={node}", "state=resume")
    harness.wait_until(idle, 30, f"{node} is idle again",
                       lambda: cluster.run("sinfo", "-N").output)


def others_train_on(cluster):
    checkpoint = cluster.home / "checkpoint.pt"
    job = Batch(cluster, "--nnodes=2:4 train.py --epochs 2 --samples 1920 --step-seconds 0.1 "
                "--checkpoint-every 2", python=cluster.python())
    job.wait_until(checkpoint.exists, 60, "there is a checkpoint")
    equal(cluster.command("cut", "n3").code, 0, "exit code of cluster cut")
    job.wait_until(lambda: "resumed from" in job.output(), 60, "the training resumes")
    job.take_away("n3")
    output = job.expect_success()
    equal(count(r"^W.*lost node n3: .*going on with the other nodes, at no cost", output), 1,
          "lines that tell of the loss", output)
    job.expect_ranks("n1", "n2", "n4")
    equal(count(r"^epoch 1 of 2: loss", output), 1, "the last epoch", output)
    equal(cluster.command("heal", "n3").code, 0, "exit code of cluster heal")
    cluster.expect_nothing_left(output, 20)
    come_back(cluster, "n3")


def spare_steps_in(cluster):
    marks = cluster.folder("marks")
    job = Batch(cluster, "--nnodes=3 --no-python ./worker.sh")
    job.wait_until(lambda: len(list(marks.glob("3.*"))) == 3, 30, "three of four nodes run")
    job.expect_ranks("n1", "n2", "n3")
    equal(cluster.command("kill", "n2").code, 0, "exit code of cluster kill")
    job.wait_until(lambda: list(marks.glob("3.1.n4")), 30, "n4 takes the place of n2")
    job.take_away("n2")
    (cluster.home / "go").touch()
    output = job.expect_success()
    equal(count(r"^W.*lost node n2: ", output), 1, "lines that tell of the loss", output)
    equal(count(r"restart 1 of 1", output), 0, "restarts", output)
    check("rank 1 of 3: n4" in output, "n4 has rank 1", output)
    equal(cluster.command("boot", "n2").code, 0, "exit code of cluster boot")
    come_back(cluster, "n2")
    cluster.expect_nothing_left(output, 10)


def who_forgets_no_kill_is_told(cluster):
    """Not who did not; and a range of nodes for the whole job brings it along."""
    for options, told in ((["-N2"], 1), (["-N2", "--no-kill"], 0), (["-N2", "--nnodes=1:2"], 0)):
        job = cluster.run("salloc", *options, "srun", "--torchelastic", "--nnodes=1:2",
                          "--no-python", "true")
        equal(job.code, 0, "exit code", job.output)
        equal(count(ADVICE, job.output), told, f"lines that tell {options}", job.output)


def test():
    with harness.Cluster() as cluster:
        cluster.script("worker.sh", WORKER)
        for case in (who_forgets_no_kill_is_told, spare_steps_in, others_train_on):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)


harness.main(__doc__, test)
