#!/usr/bin/env python3
"""Agents on hosts of their own become one job, restart together, go on without a host that dies,
falls silent or hangs, and all end with one verdict, whatever names and addresses the hosts have."""

import os
import signal
import time

import alone
import harness
import hosts
from harness import check, count, equal

MARK = ': >"ran.$(uname -n).$LOCAL_RANK.$WORLD_SIZE.$TORCHELASTIC_RESTART_COUNT"'
STAY = MARK + "; exec sleep 600"
SUM = """
    import os, torch, torch.distributed as dist
    dist.init_process_group("gloo")
    attempt = os.environ["TORCHELASTIC_RESTART_COUNT"]
    x = torch.ones(1) * dist.get_rank()
    dist.all_reduce(x)
    assert x.item() == sum(range(dist.get_world_size())), x
    open(f"summed.{dist.get_rank()}.{attempt}", "w").close()
    dist.barrier()
    if int(attempt) < int(os.environ.get("FAILURES", 0)) and dist.get_rank() == 0:
        os._exit(37)
    dist.destroy_process_group()
"""
NOTICED = 15  # seconds: a host that falls silent is lost after 3 or 4
SOON = 20


class Job:
    """Agents of one job, each on a host."""

    def __init__(self, place, *options, endpoint=f"n1:{hosts.PORT}", backend="c10d"):
        self.place = place
        host, _, port = endpoint.rpartition(":")
        self.options = [*([f"--rdzv-backend={backend}", f"--rdzv-endpoint={endpoint}"]
                          if backend == "c10d" else
                          [f"--master-addr={host}", f"--master-port={port}"]), *options]

    def agent(self, host, *arguments, **options):
        return self.place.start(*self.options, *arguments, command=("run",),
                                run=host.enter(self.place.folder), **options)

    def shell(self, host, script, *options, workers=1, **more):
        return self.agent(host, f"--nproc-per-node={workers}", *options, "--no-python", "sh", "-c",
                          script, **more)

    def sum(self, host, *options, workers=1, **environment):
        script = self.place.script("sum.py", SUM)
        python = harness.python_with_torch()
        return self.agent(host, f"--nproc-per-node={workers}", *options, script,
                          environment={"PYTHON_EXEC": python, **environment})


class Running:
    """A job whose workers run, one on each host; n1's agent coordinates."""

    def __init__(self, place, there, *options, script=STAY):
        self.place = place
        self.hosts = there
        self.job = Job(place, *options)
        self.agents = {host.name: self.job.shell(host, script) for host in there}
        self.expect(len(there))

    def __getitem__(self, name):
        return self.agents[name]

    def ran(self, size, restart, names):
        return all((self.place.folder / f"ran.{name}.0.{size}.{restart}").exists()
                   for name in names)

    def expect(self, size, restart=0, names=None, limit=SOON):
        names = names or self.agents
        self["n1"].wait_until(lambda: self.ran(size, restart, names), limit,
                              f"{size} workers run, restart count {restart}")

    def without(self, *names):
        return [each for each in self.agents if each not in names]

    def expect_rounds(self, number):
        """Each with a size of its own, here."""
        sizes = {path.name.split(".", 3)[3] for path in self.place.folder.glob("ran.*")}
        equal(len(sizes), number, f"rounds {sizes}", self["n1"].output())

    def worker(self, name):
        return self.place.workers_of(self[name].pid)[0]

    def agent_pid(self, name):
        return self.place.agent_of(self[name].pid)

    def end(self, *names):
        for name in names:
            self[name].signal(signal.SIGTERM)
        return expect_codes([self[name] for name in names], *[143] * len(names))


def expect_codes(agents, *codes, limit=60):
    ends = [agent.wait(limit) for agent in agents]
    output = "\n".join(end.output for end in ends)
    equal([end.code for end in ends], list(codes), "exit codes", output)
    return output


def summed(place, workers, attempts=1):
    equal(len(list(place.folder.glob("summed.*"))), workers * attempts, "workers that summed")


# --- how hosts are called ------------------------------------------------------------------------

def sum_of_unequal_hosts(place, folder):
    with hosts.network(folder, 3) as there:
        job = Job(place, "--nnodes=3")
        expect_codes([job.sum(host, workers=workers) for host, workers in zip(there, (1, 3, 2))],
                     0, 0, 0, limit=120)
        summed(place, 6)


def static_sum(place, folder):
    """The second comes first."""
    with hosts.network(folder, 2, own_name="127.0.1.1") as there:
        job = Job(place, "--nnodes=2", endpoint="n1:29500", backend="static")
        late = job.sum(there[1], "--node-rank=1", workers=2)
        first = job.sum(there[0], "--node-rank=0")
        expect_codes([first, late], 0, 0, limit=120)
        summed(place, 3)


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
        for endpoint in (f"[fd77::1]:{hosts.PORT}", f"n1:{hosts.PORT}"):
            job = Job(place, "--nnodes=2", endpoint=endpoint)
            expect_codes([job.sum(host, workers=2) for host in there], 0, 0, limit=120)
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
    """The others go on, and it ends as soon as it wakes."""
    with hosts.network(folder, 3) as there:
        running = Running(place, there, "--nnodes=1:3")
        agent = running.agent_pid("n2")
        os.kill(agent, signal.SIGSTOP)
        running.expect(2, names=("n1", "n3"), limit=NOTICED)
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
    with hosts.network(folder, 4) as there:
        running = Running(place, there, "--nnodes=1:4")
        there[2].cut()
        running.expect(3, names=running.without("n3"), limit=NOTICED)
        lost = running["n3"].wait(NOTICED)
        equal(lost.code, 1, "exit code of the agent that was cut off", lost.output)
        equal(count("no word for 3 s", lost.output), 1, "why", lost.output)
        output = running.end("n1", "n2", "n4")
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


# --- who may come, and when ----------------------------------------------------------------------

def late_host(place, folder):
    with hosts.network(folder, 3) as there:
        job = Job(place, "--nnodes=3")
        agents = [job.shell(host, MARK) for host in reversed(there[1:])]
        time.sleep(3)
        agents.append(job.shell(there[0], MARK))
        expect_codes(agents, 0, 0, 0)
        equal(len(list(place.folder.glob("ran.*.3.0"))), 3, "workers that ran")


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


CASES = (sum_of_unequal_hosts, static_sum, own_name_is_loopback, only_ipv6, two_interfaces,
         chosen_address, crash_on_each_host, ten_restarts, killed_agent, long_pause,
         short_pause, cut_host, cut_coordinator, cut_and_back, half_open, late_host,
         too_few_are_left, wrong_token, two_jobs)


def on_hosts(case):
    def with_folder(place):
        with harness.scratch() as folder:
            case(place, folder)
    with_folder.__name__ = case.__name__
    return with_folder


if __name__ == "__main__":
    hosts.isolate()
    alone.run_cases(__doc__, [on_hosts(case) for case in CASES], limit=420)
