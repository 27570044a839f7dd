#!/usr/bin/env python3
"""--port-range: agents, and whoever serves the workers' store, listen in that range of ports and
nowhere else, but where the user named a port; a range that is full is told in one line."""

import pathlib
import signal
import socket

import alone
import harness
import hosts
from harness import check, count, equal

RANGE = (31000, 31005)
OPTION = "--port-range=31000-31005"
PORT = ': >"ran.$(uname -n).$MASTER_PORT.$TORCHELASTIC_RESTART_COUNT"'
STAY = PORT + "; exec sleep 600"
TWICE = PORT + '; test "$TORCHELASTIC_RESTART_COUNT" = 1'


def listening(pid):
    """The TCP ports on which a process listens."""
    sockets = {}
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                sockets[f"socket:[{words[9]}]"] = int(words[1].rpartition(":")[2], 16)
    links = []
    for path in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(path.readlink()))
        except OSError:
            pass  # it has just been closed
    return sorted(sockets[link] for link in links if link in sockets)


def in_range(ports):
    return [port for port in ports if RANGE[0] <= port <= RANGE[1]]


def ran(place):
    """(host, port of the store, restart count) of every worker that ran."""
    return [(host, int(port), int(restart)) for _, host, port, restart in
            (path.name.split(".") for path in place.folder.glob("ran.*"))]


def agents_of_two_hosts(place, there, *options, script=STAY):
    return [place.start("--nnodes=2", f"--node-rank={host.number - 1}", *options, OPTION,
                        "--no-python", "sh", "-c", script, command=("run",),
                        run=host.enter(place.folder)) for host in there]


def expect_listening(place, agents, *named):
    """All that listens on the two hosts: the first agent and the store, the other's store."""
    agents[0].wait_until(lambda: len(ran(place)) == 2, 20, "both workers run")
    first, second = (listening(place.agent_of(agent.pid)) for agent in agents)
    equal([port for port in first + second if not in_range([port]) and port not in named], [],
          f"ports outside of the range: {first}, {second}")
    equal([port for port in named if port not in first], [], f"ports that were named: {first}")
    check(len(first) == 2, f"the first agent listens for agents and workers: {first}")
    port = ran(place)[0][1]
    check(port in first, f"the store of the job, {port}, is among {first}")
    agents[0].signal(signal.SIGTERM)
    for agent in agents:
        ended = agent.wait(20)
        equal(ended.code, 143, "exit code", ended.output)
    for path in place.folder.glob("ran.*"):
        path.unlink()


def all_in_the_range(place):
    with harness.scratch() as folder, hosts.network(folder, 2) as there:
        harness.step("c10d, whose endpoint has a port of its own")
        expect_listening(place, agents_of_two_hosts(
            place, there, "--rdzv-backend=c10d", "--rdzv-endpoint=n1:29400"), 29400)
        harness.step("static, with a port for the store")
        expect_listening(place, agents_of_two_hosts(
            place, there, "--master-addr=n1", "--master-port=29500"), 29500)
        harness.step("static, without")
        expect_listening(place, agents_of_two_hosts(
            place, there, "--rdzv-backend=static", "--master-addr=n1"))


def every_attempt_has_another(place):
    for store in ("agent", "rank0"):
        job = place.run(OPTION, f"--worker-store={store}", "--max-restarts=1", "--no-python", "sh",
                        "-c", TWICE)
        equal(job.code, 0, "exit code", job.output)
        ports = {restart: port for _, port, restart in ran(place)}
        equal(sorted(ports), [0, 1], "attempts", job.output)
        equal(in_range(ports.values()), list(ports.values()), "ports in the range", job.output)
        check(ports[0] != ports[1], f"each attempt has its own port: {ports}")
        for path in place.folder.glob("ran.*"):
            path.unlink()


def what_is_taken_is_passed_over(place):
    with socket.create_server(("", 31000)), socket.create_server(("", 31001)):
        for option in ("--port-range=31000-31002", "--rdzv-conf=port_range=31000-31002"):
            job = place.run(option, "--no-python", "sh", "-c", "echo at $MASTER_PORT")
            check("at 31002" in job.output, "the port that is free", job.output)


def full_ranges_are_told(place):
    why = (r"no port of --port-range=31000-31001 is free \(name a wider range, or end what holds "
           r"them\): ")
    with socket.create_server(("", 31000)), socket.create_server(("", 31001)):
        for store in ("agent", "rank0"):
            job = place.run("--port-range=31000-31001", f"--worker-store={store}", "--no-python",
                            "true")
            equal(job.code, 1, "exit code", job.output)
            equal(count(rf"open the workers' store on node \S+: {why}", job.output), 1,
                  "the line", job.output)
            equal(len(job.output.splitlines()), 1, "lines", job.output)
        wrong = place.run("--port-range=5-4", "--no-python", "true")
        equal(wrong.code, 2, "exit code", wrong.output)
        check("'5-4' is not LOW-HIGH" in wrong.output, "the usage error", wrong.output)


if __name__ == "__main__":
    hosts.isolate()
    alone.run_cases(__doc__, [all_in_the_range, every_attempt_has_another,
                              what_is_taken_is_passed_over, full_ranges_are_told])
