#!/usr/bin/env python3
"""Hosts come and go, early, late, one too many or one too few: whoever may take part does, nobody
disturbs a job that is not its own, and all agents of a job end with one verdict."""

import os
import pathlib
import signal
import time

import harness
import hosts
from harness import check, count, equal, expect_codes
from hosted import MARK, NOTICED, SOON, STAY, Job, Running, run_cases

UNTIL_GO = "; while [ ! -e go ]; do sleep 0.05; done"

def late_host(place, folder):
    """By 20 s. Another job at the same endpoint is told by whom it is taken, and has its turn."""
    with hosts.network(folder, 3) as there:
        job = Job(place, "--nnodes=3", "--rdzv-id=first")
        agents = [job.shell(host, MARK) for host in there[:2]]
        agents[0].wait_until(lambda: listens(there[0]), SOON, "the endpoint is taken")
        began = time.monotonic()
        other = Job(place, "--nnodes=2", "--rdzv-id=second")
        others = [other.shell(host, MARK) for host in there[:2]]
        for each in others:
            each.wait_until(lambda each=each: "it belongs to another run" in each.output(),
                            SOON, "why it waits")
        time.sleep(max(0, 20 - (time.monotonic() - began)))
        equal(list(place.folder.glob("ran.*")), [], "workers that ran too early")
        agents.append(job.shell(there[2], MARK))
        output = expect_codes(agents, 0, 0, 0)
        equal(count("waiting for 1 more node", output), 1, "for whom it waits", output)
        equal(len(list(place.folder.glob("ran.*.3.0"))), 3, "workers that ran")
        expect_codes(others, 0, 0)
        equal(len(list(place.folder.glob("ran.*.2.0"))), 2, "workers of the other job")


def listens(host):
    return f":{int(hosts.PORT):04X} " in pathlib.Path(f"/proc/{host.pid}/net/tcp6").read_text()


def spare_steps_in(place, folder):
    """More agents than MAX: they stand by, with no time limit, and one steps in for the first that
    is lost; who is not needed ends well with the others."""
    with hosts.network(folder, 3) as there:
        running = Running(place, there[:2], "--nnodes=2", "--rdzv-conf=join_timeout=3",
                          script=MARK + UNTIL_GO)
        spares = [running.job.shell(there[2], MARK + UNTIL_GO) for _ in range(2)]
        spares[0].wait_until(lambda: links(there[2]) == 2, SOON, "they have met the coordinator")
        time.sleep(4)  # longer than join_timeout: who stands by is in nobody's way
        running.expect_rounds(1)
        os.kill(running.agent_pid("n2"), signal.SIGKILL)
        running["n2"].wait(SOON)
        running.expect(2, names=("n3",))
        (place.folder / "go").touch()
        output = expect_codes([running["n1"], *spares], 0, 0, 0)
        equal(count("lost node n2", output), 1, "the loss", output)


def links(host):
    """How many of its agents have a connection to the endpoint."""
    table = pathlib.Path(f"/proc/{host.pid}/net/tcp").read_text()
    return table.count(f":{int(hosts.PORT):04X} 01 ")


def one_host_leaves(place, folder):
    """SIGTERM to one agent: it leaves, at no cost, while MIN are left; even the coordinator's."""
    with hosts.network(folder, 3) as there:
        running = Running(place, there, "--nnodes=1:3")
        output = running.end("n2")
        equal(count("SIGTERM", output) > 0, True, "why it ends", output)
        running.expect(2, names=("n1", "n3"))
        running["n1"].signal(signal.SIGTERM)
        running.expect(1, names=("n3",))
        running["n3"].signal(signal.SIGTERM)
        output = expect_codes([running["n1"], running["n3"]], 143, 143)
        equal(count("lost", output), 0, "words of a loss", output)


def too_few_stay(place, folder):
    """SIGTERM to one, and MIN is not left: the end for all, with one code."""
    with hosts.network(folder, 2) as there:
        running = Running(place, there, "--nnodes=2", "--max-restarts=3")
        running["n2"].signal(signal.SIGTERM)
        expect_codes([running["n1"], running["n2"]], 143, 143)
        running.expect_rounds(1)


def all_are_told_to_end(place, folder):
    """One verdict: the same line and code everywhere, and nothing else is said."""
    with hosts.network(folder, 3) as there:
        running = Running(place, there, "--nnodes=3", "--max-restarts=3")
        output = running.end(*running.agents)
        lines = [line.split("] ", 1)[1] for line in output.splitlines()]
        equal((len(lines), len(set(lines))), (3, 1), "lines, and different ones", output)
        running.expect_rounds(1)


def failure_is_told_once(place, folder):
    """The report is the coordinator's; every console says who failed; the code is the worker's."""
    with hosts.network(folder, 4) as there:
        job = Job(place, "--nnodes=4")
        agents = [job.shell(host, '[ $RANK = 2 ] && exit 37; sleep 600') for host in there]
        output = expect_codes(agents, 37, 37, 37, 37)
        equal(count("Root Cause", output), 1, "reports", output)
        equal(count(r"^[WE].*\] rank 2 \(.*\) failed: exit code 37", output), 4, "lines", output)


def too_few_are_left(place, folder):
    """Every agent says for what it waited in vain, and how long."""
    with hosts.network(folder, 3) as there:
        running = Running(place, there, "--nnodes=3", "--rdzv-conf=join_timeout=2")
        there[2].cut()
        for name in ("n1", "n2"):
            outcome = running[name].wait(NOTICED)
            equal(outcome.code, 1, f"exit code of {name}", outcome.output)
            check(count(r"within 2 s \(join_timeout\)", outcome.output) > 0, f"why, on {name}",
                  outcome.output)
        equal(running["n3"].wait(NOTICED).code, 1, "exit code of the one that was cut off")


def wrong_token(place, folder):
    with hosts.network(folder, 3) as there:
        job = Job(place, "--nnodes=2")
        agents = [job.shell(there[0], STAY, environment={"TORCHELASTIC_TOKEN": "ours"})]
        stranger = job.shell(there[2], MARK, "--rdzv-conf=join_timeout=2",
                             environment={"TORCHELASTIC_TOKEN": "theirs"}).wait(SOON)
        equal(stranger.code, 1, "exit code of the stranger", stranger.output)
        equal(count("token", stranger.output), 1, "why", stranger.output)
        agents.append(job.shell(there[1], STAY, environment={"TORCHELASTIC_TOKEN": "ours"}))
        agents[0].wait_until(lambda: len(list(place.folder.glob("ran.*"))) == 2, SOON, "both run")
        agents[0].signal(signal.SIGTERM)
        expect_codes(agents, 143, 143)
        equal(len(list(place.folder.glob("ran.n3.*"))), 0, "workers of the stranger")


def two_jobs(place, folder):
    with hosts.network(folder, 3) as there:
        agents = []
        for port, ends in ((29400, (0, 1)), (29401, (0, 2))):
            job = Job(place, "--nnodes=2", f"--rdzv-id={port}", endpoint=f"n1:{port}")
            script = f'echo "job {port} of $WORLD_SIZE: $TORCHELASTIC_RUN_ID"'
            agents += [job.shell(there[each], script) for each in ends]
        output = expect_codes(agents, 0, 0, 0, 0)
        for port in (29400, 29401):
            equal(count(f"^job {port} of 2: {port}$", output), 2, "workers", output)


run_cases(__doc__, (late_host, spare_steps_in, one_host_leaves, too_few_stay, all_are_told_to_end,
                    failure_is_told_once, too_few_are_left, wrong_token, two_jobs), limit=300)
