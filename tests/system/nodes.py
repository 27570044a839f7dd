#!/usr/bin/env python3
"""Agents on hosts of their own become one job, restart together, go on without a host that dies,
falls silent or hangs, and all end with one verdict, whatever names and addresses the hosts have."""

import os
import signal
import time

import alone
import hosts
from harness import check, count, equal, expect_codes
from hosted import MARK, NOTICED, SOON, STAY, Job, Running, run_cases, summed

# --- how hosts are called ------------------------------------------------------------------------

def sum_of_unequal_hosts(place, folder):
    with hosts.network(folder, 3) as there:
        job = Job(place, "--nnodes=3")
        output = expect_codes([job.sum(host, workers=workers)
                               for host, workers in zip(there, (1, 3, 2))], 0, 0, 0, limit=120)
        summed(place, 6)
        equal(alone.workers_words(output), [], "what is said of a job that does well")


def roles(place, folder):
    """Ranks within a role count its own workers only. torchrun's port need not be named."""
    script = 'echo "$RANK of node $GROUP_RANK is $ROLE_RANK/$ROLE_WORLD_SIZE of $ROLE_NAME"'
    with hosts.network(folder, 3) as there:
        agents = []
        for host, role, workers, endpoint in zip(there, ("a", "b", "a"), (1, 3, 2),
                                                 ("n1", "10.77.0.1", "n1:29400")):
            job = Job(place, "--nnodes=3", endpoint=endpoint)
            agents.append(job.shell(host, script, f"--role={role}", workers=workers))
        output = expect_codes(agents, 0, 0, 0)
        for rank, line in enumerate(("node 0 is 0/3 of a", "node 1 is 0/3 of b",
                                     "node 1 is 1/3 of b", "node 1 is 2/3 of b",
                                     "node 2 is 1/3 of a", "node 2 is 2/3 of a")):
            equal(count(f"^{rank} of {line}$", output), 1, line, output)


def static_sum(place, folder):
    """The second comes first, and a worker fails once."""
    with hosts.network(folder, 2, own_name="127.0.1.1") as there:
        job = Job(place, "--nnodes=2", "--max-restarts=1", endpoint="n1:29500", backend="static")
        late = job.sum(there[1], "--node-rank=1", workers=2, FAILURES="1")
        first = job.sum(there[0], "--node-rank=0", FAILURES="1")
        expect_codes([first, late], 0, 0, limit=120)
        summed(place, 3, attempts=2)


def own_name_is_loopback(place, folder):
    """As Debian's installer writes it: a host finds itself, and nobody else, at 127.0.1.1."""
    with hosts.network(folder, 2, own_name="127.0.1.1") as there:
        job = Job(place, "--nnodes=2")
        ends = expect_codes([job.shell(host, "echo at $MASTER_ADDR") for host in there], 0, 0)
        equal(count("^at 10.77.0.[12]$", ends), 2, "MASTER_ADDR that is no loopback", ends)
        expect_codes([job.sum(host) for host in there], 0, 0, limit=120)
        summed(place, 2)


def only_ipv6(place, folder):
    with hosts.network(folder, 2, v4=False) as there:
        for endpoint, backend in ((f"[fd77::1]:{hosts.PORT}", "c10d"), (f"n1:{hosts.PORT}", "c10d"),
                                  ("fd77::1:29500", "static")):
            job = Job(place, "--nnodes=2", endpoint=endpoint, backend=backend)
            agents = [job.sum(host, f"--node-rank={rank}", workers=2)
                      for rank, host in enumerate(there)]
            expect_codes(agents, 0, 0, limit=120)
            summed(place, 4)
            for path in place.folder.glob("summed.*"):
                path.unlink()


def two_interfaces(place, folder):
    """The workers go where the agents meet."""
    with hosts.network(folder, 2, second=True) as there:
        for net in ("10.77.0", "10.78.0"):
            job = Job(place, "--nnodes=2", endpoint=f"{net}.1:{hosts.PORT}")
            script = 'echo "at $MASTER_ADDR"'
            output = expect_codes([job.shell(host, script) for host in there], 0, 0)
            equal(count(rf"^at {net}.[12]$", output), 2, "MASTER_ADDR", output)
            expect_codes([job.sum(host) for host in there], 0, 0, limit=120)
            summed(place, 2)
            for path in place.folder.glob("summed.*"):
                path.unlink()


def chosen_address(place, folder):
    """--local-addr: the agents meet on one network, the workers on the other."""
    with hosts.network(folder, 2, second=True) as there:
        for givers in (there, there[:1], there[1:]):
            job = Job(place, "--nnodes=2", "--rdzv-conf=last_call_timeout=1")
            agents = [job.sum(host, *([f"--local-addr={host.second_address}"]
                                      if host in givers else [])) for host in there]
            expect_codes(agents, 0, 0, limit=120)
            summed(place, 2)
            for path in place.folder.glob("summed.*"):
                path.unlink()


# --- what happens to workers and agents ----------------------------------------------------------

def crash_on_each_host(place, folder):
    with hosts.network(folder, 4) as there:
        running = Running(place, there, "--nnodes=4", "--max-restarts=4")
        for restart, host in enumerate(there, 1):
            os.kill(running.worker(host.name), signal.SIGKILL)
            running.expect(4, restart)
        running.end(*running.agents)


def ten_restarts(place, folder):
    with hosts.network(folder, 2) as there:
        job = Job(place, "--nnodes=2", "--max-restarts=10")
        expect_codes([job.sum(host, FAILURES="10") for host in there], 0, 0, limit=240)
        summed(place, 2, attempts=11)


def killed_agent(place, folder):
    with hosts.network(folder, 4) as there:
        running = Running(place, there, "--nnodes=1:4")
        for lost, size in (("n3", 3), ("n2", 2)):
            os.kill(running.agent_pid(lost), signal.SIGKILL)
            check(running[lost].wait(SOON).code != 0, "its keeper says so")
            del running.agents[lost]
            running.expect(size)
        output = running.end("n1", "n4")
        equal(count("lost node .*; going on with the other nodes, at no cost", output), 4,
              "losses, on two consoles", output)


def long_pause(place, folder):
    """10 s: the others go on, and it ends as soon as it wakes."""
    with hosts.network(folder, 3) as there:
        running = Running(place, there, "--nnodes=1:3")
        agent = running.agent_pid("n2")
        os.kill(agent, signal.SIGSTOP)
        paused = time.monotonic()
        running.expect(2, names=("n1", "n3"), limit=NOTICED)
        time.sleep(max(0, 10 - (time.monotonic() - paused)))
        os.kill(agent, signal.SIGCONT)
        outcome = running["n2"].wait(SOON)
        equal(outcome.code, 1, "exit code of the paused agent", outcome.output)
        running.expect_rounds(2)
        running.end("n1", "n3")


def short_pause(place, folder):
    """2 s are nothing."""
    with hosts.network(folder, 2) as there:
        running = Running(place, there, "--nnodes=1:2")
        for name in ("n2", "n1"):
            agent = running.agent_pid(name)
            os.kill(agent, signal.SIGSTOP)
            time.sleep(2)
            os.kill(agent, signal.SIGCONT)
            time.sleep(4.5)  # who believes to have lost the other would have said so
        running.expect_rounds(1)
        running["n1"].signal(signal.SIGTERM)
        running["n2"].signal(signal.SIGTERM)
        output = expect_codes([running["n1"], running["n2"]], 143, 143)
        equal(count("lost", output), 0, "words of a loss", output)


# --- what happens to the network -----------------------------------------------------------------

def cut_host(place, folder):
    """The others go on without it. Once it is back, another agent there makes it one of them."""
    with hosts.network(folder, 4) as there:
        running = Running(place, there, "--nnodes=1:4", "--rdzv-conf=last_call_timeout=1")
        there[2].cut()
        running.expect(3, names=running.without("n3"), limit=NOTICED)
        lost = running["n3"].wait(NOTICED)
        equal(lost.code, 1, "exit code of the agent that was cut off", lost.output)
        equal(count("no word for 3 s", lost.output), 1, "why", lost.output)
        there[2].heal()
        running.forget()
        running.agents["n3"] = running.job.shell(there[2], STAY)
        running.expect(4)
        output = running.end(*running.agents)
        equal(count("lost node n3.*no word for 3 s.*; going on", output), 3,
              "the loss, on three consoles", output)


def cut_coordinator(place, folder):
    """It goes on alone; the others end, for now."""
    with hosts.network(folder, 3) as there:
        running = Running(place, there, "--nnodes=1:3")
        there[0].cut()
        running.expect(1, names=("n1",), limit=NOTICED)
        for name in ("n2", "n3"):
            lost = running[name].wait(NOTICED)
            equal(lost.code, 1, "exit code of an agent that lost the coordinator", lost.output)
        running.end("n1")


def cut_and_back(place, folder):
    with hosts.network(folder, 3) as there:
        running = Running(place, there, "--nnodes=1:3")
        there[1].cut()
        time.sleep(0.9)
        there[1].heal()
        time.sleep(4.5)  # who believes to have lost the other would have said so
        running.expect_rounds(1)
        os.kill(running.worker("n2"), signal.SIGKILL)
        for name in running.agents:
            outcome = running[name].wait(SOON)
            equal(outcome.code, 137, f"{name} heard of it", outcome.output)


def half_open(place, folder):
    """What one side sends is lost on the way, and the other's still comes."""
    with hosts.network(folder, 2) as there:
        for deaf, mute in ((0, 1), (1, 0)):
            running = Running(place, there, "--nnodes=1:2")
            there[mute].drop_all_to(there[deaf])
            running.expect(1, names=("n1",), limit=NOTICED)
            lost = running["n2"].wait(NOTICED)
            equal(lost.code, 1, "exit code of the one that is lost", lost.output)
            running.end("n1")
            there[mute].ip(f"neigh del {there[deaf].address} dev eth0")
            for path in place.folder.glob("ran.*"):
                path.unlink()


run_cases(__doc__, (sum_of_unequal_hosts, roles, static_sum, own_name_is_loopback, only_ipv6,
                    two_interfaces, chosen_address, crash_on_each_host, ten_restarts, killed_agent,
                    long_pause, short_pause, cut_host, cut_coordinator, cut_and_back, half_open),
          limit=420)
