#!/usr/bin/env python3
"""Every batch script of contrib/slurm can be submitted as it stands: the plain one trains on all
GPUs; the others do what their first lines say, all in one queue."""

import re
import shutil

import harness
from harness import check, count, equal

SCRIPTS = harness.REPOSITORY / "contrib/slurm"

# In place of the example: who it is, and what it was told.
PROGRAM = """
    import os, sys
    words = ["rank", os.environ["RANK"], "of", os.environ["WORLD_SIZE"], "on",
             os.environ["SLURMD_NODENAME"], *sys.argv[1:]]
    os.write(1, (" ".join(words) + "\\n").encode())  # whole, whoever else prints
"""
NODE_OF_RANK = ["n1"] * 2 + ["n2"] * 2 + ["n3"] * 4 + ["n4"] * 4


def submit(cluster, script, where="."):
    job = cluster.run("env", "-C", where, "sbatch", "--parsable", f"contrib/slurm/{script}.sbatch",
                      python=cluster.python())
    equal(job.code, 0, f"exit code of sbatch {script}.sbatch", job.output)
    return job.output.strip()


def ranks(output):
    """{(rank, world size): node}"""
    return {(int(rank), int(world)): node
            for rank, world, node in re.findall(r"^rank (\d+) of (\d+)(?: on |: )(\w+)", output,
                                                re.MULTILINE)}


def expect_ranks(output, nodes):
    equal(ranks(output), {(rank, len(nodes)): node for rank, node in enumerate(nodes)}, "ranks",
          output)


def expect_array(folder, job):
    """Twenty tasks with a rate of their own, each on one node."""
    rates = []
    for task in range(1, 21):
        output = (folder / f"array-{job}-{task}.out").read_text()
        seen = ranks(output)
        equal((sorted(seen), len(set(seen.values()))), ([(0, 2), (1, 2)], 1), "ranks and nodes",
              output)
        rates += set(re.findall(r"--learning-rate (\S+) --checkpoint rate-\1.pt$", output,
                                re.MULTILINE))
    equal(rates, [f"0.{task:03}" for task in range(1, 21)], "learning rates")


def add_pyxis(cluster):
    """Its options alone."""
    state = cluster.home.parent
    plugin = state / "opt/lib/pyxis_options.so"
    shutil.copy(harness.program("tests/pyxis_options.so"), plugin)
    with open(state / "etc/plugstack.conf", "a", encoding="utf-8") as file:
        file.write(f"required {plugin}\n")


def test():
    with harness.Cluster() as cluster:
        add_pyxis(cluster)
        cheap = cluster.folder("cheap")
        (cheap / "contrib/slurm/examples").mkdir(parents=True)
        for script in SCRIPTS.glob("*.sbatch"):
            shutil.copy(script, cheap / "contrib/slurm")
        cluster.script("cheap/contrib/slurm/examples/train.py", PROGRAM)

        jobs = {"train": submit(cluster, "train")}
        jobs.update({script: submit(cluster, script, cheap)
                     for script in ("elastic", "het", "container", "array")})
        harness.wait_until(lambda: not cluster.run("squeue", "-h").output, 120, "all jobs end",
                           lambda: cluster.run("squeue").output)
        states = cluster.run("scontrol", "show", "job").output
        equal(set(re.findall(r"JobState=(\w+)", states)), {"COMPLETED"}, "states of jobs", states)

        output = (cluster.home / f"train-{jobs['train']}.out").read_text()
        expect_ranks(output, NODE_OF_RANK)
        equal(count(r"^epoch 1 of 2: loss", output), 1, "the last epoch", output)
        check((cluster.home / f"train-{jobs['train']}.pt").exists(), "there is a checkpoint")
        for script, nodes in (("elastic", ["n1", "n1", "n2", "n2", "n3", "n3"]),
                              ("container", NODE_OF_RANK),
                              ("het", ["n1", "n1", "n2", "n2"] + ["n3"] * 4)):
            expect_ranks((cheap / f"{script}-{jobs[script]}.out").read_text(), nodes)
        expect_array(cheap, jobs["array"])
        cluster.expect_nothing_left("", 10)


harness.main(__doc__, test)
