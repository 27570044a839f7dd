#!/usr/bin/env python3
"""contrib/slurm/cluster keeps its promises: sacct answers, preemption preempts, 64 nodes come up and
run a step, and nothing of a cluster is left on the machine, not even of one that crashed."""

import pathlib
import subprocess
import time

import harness
from harness import check, equal, wait_until

# Says when it begins; its second life ends at once.
BATCH = """
    #!/bin/sh
    echo "life ${SLURM_RESTART_COUNT:-0}"
    [ -n "$SLURM_RESTART_COUNT" ] || exec srun sleep 60
"""


def machine():
    """What a cluster may touch and must leave as it was."""
    def read(*argv):
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
    return {
        "mounts": sorted(line.split(" ")[1] for line in open("/proc/self/mounts")),
        "interfaces": [line.split(": ")[1] for line in read("ip", "-o", "link")],
    }


def traces(name):
    """What is left of a cluster: processes, files, control groups."""
    found = []
    for table in pathlib.Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            if f" torchelastic:{name}/" in table.read_text():
                found.append(f"process {table.parent.name}")
        except OSError:
            pass  # it ended meanwhile
    folder = pathlib.Path("/var/lib/torchelastic-cluster", name)
    if folder.exists():
        found.append(str(folder))
    groups = subprocess.run(["find", "/sys/fs/cgroup", "-type", "d", "-name", f"torchelastic-{name}"],
                            check=False, capture_output=True, text=True)
    return found + groups.stdout.splitlines()


def expect_no_trace(name, before):
    wait_until(lambda: not traces(name), 10, "nothing is left", lambda: str(traces(name)))
    equal(machine(), before, "the machine")


def sacct_answers(cluster):
    failed = cluster.run("srun", "-N3", "sh", "-c", "exit $((SLURM_PROCID + 3))")
    equal(failed.code, 5, "exit code", failed.output)

    def states():
        listing = cluster.run("sacct", "--noheader", "--parsable2", "--format=JobID,State,ExitCode")
        return dict(line.split("|", 1) for line in listing.output.split())
    wait_until(lambda: states().get("1", "").startswith("FAILED"), 20, "sacct knows of the job",
               lambda: str(states()))
    equal([states()[job] for job in ("1", "1.0")], ["FAILED|5:0", "FAILED|5:0"], "sacct")


def preemption_preempts(cluster):
    cluster.script("low.sh", BATCH)
    low = cluster.run("sbatch", "--parsable", "-N4", "-n32", "-plow", "-olow.out", "low.sh")
    equal(low.code, 0, "sbatch", low.output)
    out = cluster.home / "low.out"
    wait_until(lambda: cluster.run("squeue", "-h", "-s", "-j", low.output.strip(), "-o%i").output
               .count(".0"), 20, "the low job's step runs")
    begin = time.monotonic()
    high = cluster.run("srun", "-N4", "-n32", "-phigh", "true")
    equal(high.code, 0, "the high job", high.output)
    check(time.monotonic() - begin < 30, "the high job does not wait for the low one's end")
    wait_until(lambda: "life 1" in out.read_text(), 40, "the low job runs again", out.read_text)


def crashed_up_is_tidied(cluster):
    """`up` killed at work, then again, now to its end; and once more, which is refused."""
    name = cluster.name
    cluster.command("down")
    up = harness.Job([harness.CLUSTER, "--name", name, "up", "--nodes", "8"])
    pids = pathlib.Path("/var/lib/torchelastic-cluster", name, "run")
    wait_until(lambda: (pids / "login.pid").exists(), 30, "the login node is up", up.output)
    up.kill()
    again = cluster.command("up", "--nodes", "2")
    equal(again.code, 0, "the next up", again.output)
    third = cluster.command("up", "--nodes", "2")
    check(third.code == 125 and "is up already" in third.output, "one more up", third.output)
    equal(cluster.run("srun", "-N2", "true").code, 0, "srun on it")


def many_nodes():
    with harness.Cluster(",".join("1" * 64)) as cluster:
        for nodes in (16, 64):
            step = cluster.run("srun", f"-N{nodes}", "--torchelastic", "--no-python", "true")
            equal(step.code, 0, f"a step on {nodes} nodes", step.output)
        cluster.expect_nothing_left(step.output)


def test():
    before = machine()
    harness.step("accounting and preemption")
    options = ["--accounting", "--preempt", "requeue", "--conf", "KillWait=2"]
    with harness.Cluster(options=options) as cluster:
        sacct_answers(cluster)
        preemption_preempts(cluster)
        harness.step("a crashed up")
        crashed_up_is_tidied(cluster)
    expect_no_trace(cluster.name, before)
    harness.step("64 nodes")
    many_nodes()
    equal(machine(), before, "the machine")


harness.main(__doc__, test)
