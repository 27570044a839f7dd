#!/usr/bin/env python3
"""Every batch script of contrib/slurm can be submitted as it stands: the plain one trains on all
GPUs; the others do what their first lines say, all in one queue; the preemptible one takes a
checkpoint when it has to go, and resumes from it when it is back."""

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
# A site that lets preempted jobs have their --signal.
OPTIONS = ["--preempt", "requeue", "--conf", "KillWait=2",
           "--conf", "SlurmctldParameters=preempt_send_user_signal"]
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


def all_in_one_queue(cluster):
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


def preempted_and_back(cluster):
    """The only checkpoint is the one that was asked for. The first run would take two minutes."""
    text = (SCRIPTS / "preemptible.sbatch").read_text()
    slow = "--checkpoint-every 1000 --step-seconds $((SLURM_RESTART_COUNT ? 0 : 1))"
    check("--epochs 2 " in text, "the script can be slowed down", text)
    cluster.script("preemptible.sbatch", text.replace("--epochs 2 ", f"--epochs 2 {slow} "))
    granted = cluster.exec("login", "scontrol", "update", "partition=low", "GraceTime=4")
    equal(granted.code, 0, "exit code of scontrol", granted.output)

    job = cluster.run("sbatch", "--parsable", "--partition=low", "preemptible.sbatch",
                      python=cluster.python()).output.strip()
    file = cluster.home / f"preemptible-{job}.out"
    output = lambda: file.read_text() if file.exists() else ""  # noqa: E731
    harness.wait_until(lambda: len(ranks(output())) == 8, 60, "all workers run", output)
    cluster.run("sbatch", "--partition=high", "--nodes=4", "--exclusive", "--output=/dev/null",
                "--wrap=true")
    harness.wait_until(lambda: "resumed from" in output(), 60, "it is back", output)
    harness.wait_until(lambda: count("^epoch 1 of 2", output()) > 0, 60, "its last epoch", output)
    saved = re.findall(r"^saved at (.*), as asked$", output(), re.MULTILINE)
    equal(len(saved), 1, "checkpoints", output())
    equal(re.findall("^resumed from (.*)$", output(), re.MULTILINE), saved, "where it resumes",
          output())
    equal(re.findall("^run ([12]) of job", output(), re.MULTILINE), ["1", "2"], "runs", output())
    cluster.expect_nothing_left(output(), 10)


def test():
    with harness.Cluster(options=OPTIONS) as cluster:
        for case in (all_in_one_queue, preempted_and_back):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)


harness.main(__doc__, test)
