#!/usr/bin/env python3
"""Where Slurm keeps jobs in control groups, the agent counts the cores and GPUs it was given, a job
restarts and ends as it does elsewhere, its killed agent leaves nothing, and neither does the cluster
leave a group on the machine."""

import os
import subprocess

import harness
from harness import check, count, equal, wait_until

# Its worker on n2 fails once.
WORKER = """
    #!/bin/sh
    [ "$RANK" != 3 ] || [ "$TORCHELASTIC_RESTART_COUNT" != 0 ] || exit 7
    echo "rank $RANK of $WORLD_SIZE, life $TORCHELASTIC_RESTART_COUNT"
"""


def groups(name):
    found = subprocess.run(["find", "/sys/fs/cgroup", "-type", "d", "-name", f"torchelastic-{name}"],
                           check=False, capture_output=True, text=True)
    return found.stdout.split()


def jobs_are_confined(cluster):
    for cores in (1, len(os.sched_getaffinity(0))):
        step = cluster.run("srun", "-wn1", f"-c{cores}", "nproc")
        equal(step.output.strip(), str(cores), "cores of a job", step.output)
    device = cluster.home.parent / "dev"
    opened = cluster.run("srun", "-wn3", "--gpus=2", "sh", "-c",
                         f"for i in 0 1 2 3; do (:<{device}/gpu$i); done; true").output
    equal(count("No such device or address", opened), 2, "GPUs that may be opened", opened)
    equal(count("not permitted", opened), 2, "GPUs that may not", opened)
    eater = cluster.run("srun", "-wn1", "--mem=200M", "--torchelastic", "--no-python",
                        "python3", "-c", "x = b'1' * (400 << 20)")
    check(eater.code != 0 and "200" in eater.output, "the report tells the limit", eater.output)


def job_restarts(cluster):
    cluster.script("worker.sh", WORKER)
    job = cluster.run("srun", "-N4", "--gpus=12", "--torchelastic", "--nproc-per-node=gpu",
                      "--max-restarts=1", "--no-python", "./worker.sh")
    equal(job.code, 0, "exit code", job.output)
    equal(count("^rank [0-9]* of 12, life 1$", job.output), 12, "workers that ended", job.output)
    cluster.expect_nothing_left(job.output)


def killed_agent_leaves_nothing(cluster):
    job = cluster.start("srun", "-N4", "--torchelastic", "--nproc-per-node=2", "--no-python",
                        "sh", "-c", "setsid sleep 1000 & exec sleep 1000")
    job.wait_until(lambda: all(len([each for each in cluster.of_jobs(node)
                                    if each.name == "sleep"]) == 4 for node in cluster.nodes),
                   20, "all workers run")
    cluster.kill_keeper_and_agent("n2")
    ended = job.wait(60)
    check(ended.code != 0, "the job fails", ended.output)
    cluster.expect_nothing_left(ended.output, limit=10)


def node_comes_back(cluster):
    for command in ("kill", "boot"):
        done = cluster.command(command, "n4")
        equal(done.code, 0, f"{command} n4", done.output)
    wait_until(lambda: cluster.run("srun", "-wn4", "true", limit=30).code == 0, 30, "n4 is back")


def test():
    if not os.access("/sys/fs/cgroup/freezer/cgroup.procs", os.W_OK):
        harness.skip("no control groups of version 1 on this machine")
    with harness.Cluster(options=["--cgroups"]) as cluster:
        check(groups(cluster.name), "the cluster has groups")
        for case in (jobs_are_confined, job_restarts, killed_agent_leaves_nothing, node_comes_back):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)
    equal(groups(cluster.name), [], "groups that are left")


harness.main(__doc__, test)
