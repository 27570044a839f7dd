#!/usr/bin/env python3
"""When the agent that coordinates is lost, another takes over, and the job goes on if MIN nodes are
left: one line says who, restart counts and ranks go on, and an agent that was only suspended ends
when it finds the others gone."""

import harness
from harness import check, count, equal

# Each leaves a mark and waits, to the end where the round is as large as the last argument says.
WORKER = """
    #!/bin/sh
    mark="$GROUP_WORLD_SIZE.$TORCHELASTIC_RESTART_COUNT.$SLURMD_NODENAME.$RANK"
    : >"$1/$mark"
    [ "$GROUP_WORLD_SIZE" = "$2" ] || exec sleep 1000
"""
LINE = ["srun", "-N4", "--torchelastic", "--nproc-per-node=1", "--no-python"]
LEADS = r"^W.*torchelastic\[{0}\] node {0} coordinates now, after round {1}: lost the coordinator: node {2}, "


def marks(folder, size, restarts=0):
    return sorted(path.name.split(".", 2)[2] for path in folder.glob(f"{size}.{restarts}.*"))


def start(cluster, name, last, *options):
    folder = cluster.folder(name)
    job = cluster.start(*LINE, *options, "./worker.sh", folder, str(last))
    job.wait_until(lambda: len(marks(folder, 4)) == 4, 60, "all four workers run")
    return job, folder


def kill_agent(cluster, node, signal="KILL"):
    _, agent = cluster.keeper_and_agent(node)
    cluster.kill(node, agent, signal=signal)
    return agent


def agent_is_killed(cluster):
    job, folder = start(cluster, "killed", 3, "--nnodes=2:4")
    kill_agent(cluster, "n1")
    outcome = job.wait(60)
    equal(outcome.code, 137, "exit code: srun's, of the task it lost", outcome.output)
    equal(marks(folder, 3), ["n2.0", "n3.1", "n4.2"], "ranks of the second round", outcome.output)
    equal(count(LEADS.format("n2", 0, "n1"), outcome.output), 1, "lines that tell it",
          outcome.output)
    equal(count("Root Cause", outcome.output), 0, "reports", outcome.output)
    cluster.expect_nothing_left(outcome.output, 10)


def two_one_after_the_other(cluster):
    job, folder = start(cluster, "twice", 2, "--nnodes=1:4")
    kill_agent(cluster, "n1")
    job.wait_until(lambda: len(marks(folder, 3)) == 3, 60, "three workers run")
    kill_agent(cluster, "n2")
    outcome = job.wait(60)
    equal(marks(folder, 2), ["n3.0", "n4.1"], "ranks of the third round", outcome.output)
    equal(count(LEADS.format("n2", 0, "n1"), outcome.output), 1, "first", outcome.output)
    equal(count(LEADS.format("n3", 1, "n2"), outcome.output), 1, "second", outcome.output)
    cluster.expect_nothing_left(outcome.output, 10)


def two_at_once(cluster):
    """The next in line does not answer; two of the three that might live are more than half."""
    job, folder = start(cluster, "both", 2, "--nnodes=1:4")
    for node in ("n1", "n2"):
        kill_agent(cluster, node, "STOP")
    agents = [kill_agent(cluster, node) for node in ("n1", "n2")]
    equal(len(agents), 2, "agents")
    outcome = job.wait(60)
    equal(marks(folder, 2), ["n3.0", "n4.1"], "ranks of the second round", outcome.output)
    equal(count(LEADS.format("n3", 0, "n1"), outcome.output), 1, "lines", outcome.output)
    cluster.expect_nothing_left(outcome.output, 10)


def restarts_go_on(cluster):
    job, folder = start(cluster, "count", 3, "--nnodes=2:4", "--max-restarts=1")
    cluster.kill("n3", *(worker.pid for worker in cluster.workers("n3")))
    job.wait_until(lambda: len(marks(folder, 4, 1)) == 4, 60, "all run again")
    kill_agent(cluster, "n1")
    outcome = job.wait(60)
    equal(marks(folder, 3, 1), ["n2.0", "n3.1", "n4.2"], "the third round's", outcome.output)
    equal(count(r"restart 1 of 1", outcome.output), 1, "restarts", outcome.output)
    cluster.expect_nothing_left(outcome.output, 10)


def agent_is_suspended(cluster):
    job, folder = start(cluster, "paused", 3, "--nnodes=1:4")
    agent = kill_agent(cluster, "n1", "STOP")
    job.wait_until(lambda: len(marks(folder, 3)) == 3, 60, "the three others run without it")
    cluster.kill("n1", agent, signal="CONT")
    outcome = job.wait(60)
    equal(outcome.code, 1, "exit code: that of the node that was given up", outcome.output)
    equal(count(LEADS.format("n2", 0, "n1"), outcome.output), 1, "who coordinates", outcome.output)
    check(count(r"torchelastic\[n1\] lost node n\d: .*cut off from more than half", outcome.output),
          "n1 says why it ends", outcome.output)
    equal(sorted(path.name for path in folder.glob("[12].*")), [], "smaller rounds", outcome.output)
    cluster.expect_nothing_left(outcome.output, 10)


def agent_is_told_to_go(cluster):
    """Nobody takes over from it: it coordinates to the end, and then says what became of itself."""
    job, folder = start(cluster, "told", 3, "--nnodes=2:4")
    kill_agent(cluster, "n1", "TERM")
    outcome = job.wait(60)
    equal(outcome.code, 143, "exit code: that of the node that was told to go", outcome.output)
    equal(marks(folder, 3), ["n2.0", "n3.1", "n4.2"], "the second round's", outcome.output)
    equal(count("coordinates now", outcome.output), 0, "takeovers", outcome.output)
    cluster.expect_nothing_left(outcome.output, 10)


def test():
    with harness.Cluster() as cluster:
        cluster.script("worker.sh", WORKER)
        for case in (agent_is_killed, two_one_after_the_other, two_at_once, restarts_go_on,
                     agent_is_suspended, agent_is_told_to_go):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)


harness.main(__doc__, test)
