#!/usr/bin/env python3
"""Watches a job of four hosts (network namespaces) that meet by c10d, while as many busy loops as
there are cores take this machine's time: nobody may take another for lost, and nobody has anything
to say. Fails if somebody does."""

import contextlib
import dataclasses
import os
import pathlib
import signal
import threading
import time

import bench
import harness
import hosts
from harness import check, equal

HOSTS = 4
NAP = 0.05
BUSY = "while :; do :; done"
STAY = ': >"ran.$RANK.$WORLD_SIZE.$TORCHELASTIC_RESTART_COUNT"; exec sleep inf'


class Lateness:
    """How much later than asked for a thread that sleeps is woken: what the agents live with."""

    def __init__(self):
        self.worst = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._nap, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _nap(self):
        while not self._over.is_set():
            begin = time.monotonic()
            time.sleep(NAP)
            self.worst = max(self.worst, time.monotonic() - begin - NAP)


@contextlib.contextmanager
def busy_cores():
    loops = [harness.Job(["sh", "-c", BUSY]) for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for each in loops:
            each.kill()


@dataclasses.dataclass
class Running:
    """The agents, one on each host."""
    agents: list
    folder: pathlib.Path

    def expect_calm(self):
        for number, agent in enumerate(self.agents, 1):
            check(not agent.ended(), f"the agent on n{number} runs", agent.output())
            equal(agent.output(), "", f"what the agent on n{number} says")
        equal(sorted(path.name for path in self.folder.glob("ran.*")),
              [f"ran.{rank}.{HOSTS}.0" for rank in range(HOSTS)], "workers that ran")

    def end(self):
        for agent in self.agents:
            agent.signal(signal.SIGTERM)
        for agent in self.agents:
            equal(agent.wait(60).code, 143, "exit code", agent.output())


@contextlib.contextmanager
def running(folder):
    """Default settings. 1:4: with a host less, the job would go on, and say so."""
    with hosts.network(folder, HOSTS) as there:
        agents = [harness.Job([*host.enter(str(folder)), harness.program("bin/torchelastic"), "run",
                               "--rdzv-backend=c10d", f"--rdzv-endpoint=n1:{hosts.PORT}",
                               f"--nnodes=1:{HOSTS}", "--max-restarts=3", "--no-python",
                               "sh", "-c", STAY]) for host in there]
        try:
            agents[0].wait_until(lambda: len(list(folder.glob("ran.*"))) == HOSTS, 60,
                                 "all workers run")
            yield Running(agents, folder)
        finally:
            for agent in agents:
                if not agent.ended():
                    agent.kill()


def measure(arguments):
    with bench.scratch() as folder, running(pathlib.Path(folder)) as job:
        with busy_cores(), Lateness() as lateness:
            begin = time.monotonic()
            while time.monotonic() - begin < arguments.calm:
                job.expect_calm()
                time.sleep(min(1, arguments.calm))
            watched, load = time.monotonic() - begin, os.getloadavg()[0]
        job.expect_calm()
        job.end()
    print(f"\n### {HOSTS} hosts on this machine, c10d, every core busy\n\n"
          "| watched | load average at the end | latest waking | losses | restarts | lines |\n"
          "|---|---|---|---|---|---|\n"
          f"| {watched:.0f} s | {load:.1f} | {lateness.worst * 1000:.0f} ms | 0 | 0 | 0 |")


if __name__ == "__main__":
    hosts.isolate()
    bench.main(__doc__, measure)
