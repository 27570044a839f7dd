#!/usr/bin/env python3
"""When an agent, its keeper or the coordinator's agent is killed, the job ends, says which node it
lost and leaves no process on any node, however deep workers hid theirs; with --nnodes=3:4 the
other three nodes go on, at no cost of a restart."""

import harness
from harness import check, count, equal

# Hides a child in a session of its own and a daemon with a child; these ignore SIGTERM.
WORKER = """
    #!/bin/sh
    (
        trap '' TERM
        setsid sleep 1000 &
        (setsid sh -c 'sleep 1000 & sleep 1000' &)
    )
    exec sleep 1000
"""
PROCESSES = 2 + 2 * 5  # on each node: keeper, agent, and of each of two workers all of the above

# Goes on to the end where it is one of three nodes.
SURVIVOR = """
    #!/bin/sh
    echo "$GROUP_RANK $TORCHELASTIC_RESTART_COUNT $WORLD_SIZE" \\
        >"$1/.$GROUP_WORLD_SIZE.$SLURMD_NODENAME.$RANK"
    mv "$1/.$GROUP_WORLD_SIZE.$SLURMD_NODENAME.$RANK" "$1/$GROUP_WORLD_SIZE.$SLURMD_NODENAME.$RANK"
    [ "$GROUP_WORLD_SIZE" = 3 ] || exec sleep 1000
"""
LINE = ["srun", "-N4", "--torchelastic", "--nproc-per-node=2", "--no-python"]
LOST_N3 = r"^W.*torchelastic\[n1\] lost node n3: "
LOST_COORDINATOR = (r"^W.*torchelastic\[n2\] lost the coordinator: node n1, closed by peer; "
                    "3 of the 4 nodes of the last round are left$")


def start(cluster):
    job = cluster.start(*LINE, "--max-restarts=2", "./worker.sh")
    job.wait_until(lambda: all(len(cluster.of_jobs(node)) == PROCESSES for node in cluster.nodes),
                   60, "all workers and their hidden children run")
    return job


def expect_end(cluster, job, code, said):
    """The job ends soon, and one line tells why."""
    outcome = job.wait(20)
    equal(outcome.code, code, "exit code", outcome.output)
    check(count(said, outcome.output) >= 1, f"somebody says '{said}'", outcome.output)
    equal(count(r"restart \d of 2", outcome.output), 0, "restarts", outcome.output)
    cluster.expect_nothing_left(outcome.output, 10)


def agent_on_n3(cluster):
    job = start(cluster)
    _, agent = cluster.keeper_and_agent("n3")
    cluster.kill("n3", agent)
    expect_end(cluster, job, 137, LOST_N3)


def keeper_on_n3(cluster):
    job = start(cluster)
    keeper, _ = cluster.keeper_and_agent("n3")
    cluster.kill("n3", keeper)
    expect_end(cluster, job, 137, LOST_N3)


def both_on_n3(cluster):
    job = start(cluster)
    cluster.kill_keeper_and_agent("n3")
    expect_end(cluster, job, 137, LOST_N3)


def coordinator_on_n1(cluster):
    job = start(cluster)
    _, agent = cluster.keeper_and_agent("n1")
    cluster.kill("n1", agent)
    expect_end(cluster, job, 137, LOST_COORDINATOR)


def three_nodes_go_on(cluster):
    folder = cluster.folder("marks")
    job = cluster.start(*LINE, "--nnodes=3:4", "./survivor.sh", folder)
    job.wait_until(lambda: len(list(folder.glob("4.*"))) == 8, 60, "all workers run")
    _, agent = cluster.keeper_and_agent("n3")
    cluster.kill("n3", agent)
    outcome = job.wait(60)
    # srun's code is that of the task it lost; the job itself came to its end.
    equal(outcome.code, 137, "exit code", outcome.output)
    expected = {"3.n1.0": "0 0 6", "3.n1.1": "0 0 6", "3.n2.2": "1 0 6", "3.n2.3": "1 0 6",
                "3.n4.4": "2 0 6", "3.n4.5": "2 0 6"}
    equal({path.name: path.read_text().strip() for path in folder.glob("3.*")}, expected,
          "group rank, restart count and world size of the second round", outcome.output)
    equal(count(r"lost node n3.*going on", outcome.output), 1, "lines that tell it",
          outcome.output)
    equal(count("Root Cause", outcome.output), 0, "reports", outcome.output)
    cluster.expect_nothing_left(outcome.output, 10)


def test():
    with harness.Cluster() as cluster:
        cluster.script("worker.sh", WORKER)
        cluster.script("survivor.sh", SURVIVOR)
        for case in (agent_on_n3, keeper_on_n3, both_on_n3, coordinator_on_n1, three_nodes_go_on):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)


harness.main(__doc__, test)
