#!/usr/bin/env python3
"""Measures agents that meet by c10d, on two hosts (network namespaces) of this machine, side by
side with its torchrun: how soon workers run, hear of a failure, run again after one, and after a
node is killed or falls silent; and how long 64 agents of one machine take to begin."""

import contextlib
import os
import pathlib
import signal
import time

import bench
import harness
import hosts

NODE_RANK = "TORCHELASTIC_BENCH_NODE"  # tells workers of one host from those of another
MANY = 64


class Job:
    """Agents that were started together, and the folder of their workers' marks."""

    def __init__(self, agents, folder):
        self.agents = agents
        self.folder = folder

    def await_marks(self, count, limit=120):
        return bench.await_marks(self.agents[0], self.folder, count, limit)

    def end(self):
        for agent in self.agents:
            if not agent.ended():
                agent.signal(signal.SIGTERM)
        for agent in self.agents:
            agent.wait(120)


class Bench:
    def __init__(self, arguments, there, folder):
        self.arguments = arguments
        self.hosts = there
        self.folder = pathlib.Path(folder)
        self.python = harness.python_with_torch()
        self.worker = bench.build(folder, "worker")
        self.port = int(hosts.PORT)

    def ours(self, nodes):
        return [harness.program("bin/torchelastic"), "run", "--rdzv-backend=c10d",
                f"--rdzv-endpoint=n1:{self.port}", f"--nnodes={nodes}", "--max-restarts=3",
                "--no-python"]

    def theirs(self, nodes):
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        return bench.torchrun(self.python, logs, "--rdzv_backend=c10d", "--rdzv_id=bench",
                              f"--rdzv_endpoint=10.77.0.1:{self.port}", f"--nnodes={nodes}",
                              "--max_restarts=3", "--no_python")

    @contextlib.contextmanager
    def started(self, argv, there):
        self.port += 1  # torchrun's may linger
        marks = self.folder / f"marks.{time.monotonic_ns()}"
        marks.mkdir()
        agents = [harness.Job([*host.enter(str(self.folder)), *argv, self.worker, marks],
                              env={**os.environ, NODE_RANK: str(number)})
                  for number, host in enumerate(there)]
        job = Job(agents, marks)
        try:
            yield job
            job.end()
        finally:
            for agent in agents:
                if not agent.ended():
                    agent.kill()

    @contextlib.contextmanager
    def running(self, argv):
        with self.started(argv, self.hosts) as job:
            job.await_marks(2)
            time.sleep(0.5)  # the launchers have come to rest
            yield job

    def victim(self, node):
        return bench.find_worker(self.worker, **{NODE_RANK: str(node)})

    def start(self, argv, count=2):
        """From before the fork of the first agent to the first instruction of the last worker."""
        there = [self.hosts[i * len(self.hosts) // count] for i in range(count)]
        begin = time.monotonic()
        with self.started(argv, there) as job:
            return job.await_marks(count)[-1].seconds - begin

    def heard(self, argv):
        """From the death of a worker to that of the other node's: it obeys the signal at once."""
        with self.running(argv) as job:
            other = self.victim(1)
            struck = bench.strike(self.victim(0), signal.SIGKILL)
            ended = bench.await_death(other, 60)
            job.await_marks(4)
            return ended - struck

    def restart(self, argv):
        with self.running(argv) as job:
            return self.fresh(job, bench.strike(self.victim(1), signal.SIGKILL), 2)

    @staticmethod
    def fresh(job, struck, count):
        return job.await_marks(2 + count)[1 + count].seconds - struck

    def agent_killed(self, argv):
        """That of n2; its keeper ends its worker."""
        with self.running(argv) as job:
            agent = int(bench.status_of(self.victim(1), "PPid"))
            return self.fresh(job, bench.strike(agent, signal.SIGKILL), 1)

    def silent(self, argv):
        with self.running(argv) as job:
            begin = time.monotonic()
            self.hosts[1].cut()
            try:
                return self.fresh(job, begin, 1)
            finally:
                job.agents[1].wait(60)
                self.hosts[1].heal()

    def both(self, measure, nodes, runs):
        return bench.rounds(runs, lambda: measure(self.ours(nodes)),
                            lambda: measure(self.theirs(nodes)),
                            min(runs, self.arguments.torchrun_runs))

    def alone(self, measure, nodes, runs):
        return [measure(self.ours(nodes)) for _ in range(runs)]

    def __call__(self):
        table = bench.Table("Two hosts on this machine, c10d",
                            f"torchrun {bench.torch_version(self.python)}")
        runs, half = self.arguments.runs, (self.arguments.runs + 1) // 2
        few = min(half, 5)
        table.row("two agents started together to all workers run",
                  *self.both(self.start, 2, runs), "ms", "40 ms")
        table.row("worker dies to the other node's worker is gone",
                  *self.both(self.heard, 2, half), "ms", "5 ms")
        table.row("worker dies to all new workers run", *self.both(self.restart, 2, half), "ms",
                  "60 ms")
        table.row("agent SIGKILLed, 1:2, to the survivor's new worker runs",
                  self.alone(self.agent_killed, "1:2", half), "not measured", "ms", "150 ms")
        table.row("node silent, 1:2, to the survivor's new worker runs",
                  self.alone(self.silent, "1:2", few), "not measured", "s", "4 s")
        table.row(f"{MANY} agents started together to all workers run",
                  [self.start(self.ours(MANY), MANY) for _ in range(few)], "not measured", "s",
                  "1.5 s")


def measure(arguments):
    with bench.scratch() as folder, hosts.network(pathlib.Path(folder), 2) as there:
        Bench(arguments, there, folder)()


if __name__ == "__main__":
    hosts.isolate()
    bench.main(__doc__, measure)
