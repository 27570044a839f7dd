#!/usr/bin/env python3
"""Measures one coordinator and ten thousand agents, each side one process of this machine: how soon
all have their places, hear of a failure, and have their new ones; and what the coordinator takes."""

import pathlib

import bench
import harness
import swarming

AGENTS = 10000


class Run:
    """One job from its beginning to its end."""

    def __init__(self, agents):
        with bench.scratch() as folder, swarming.job(pathlib.Path(folder), agents) as job:
            self.proven, self.formed = job.heard("proven"), job.heard("formed")
            job.all_run()
            job.fail()
            self.told, self.restarted = job.heard("told"), job.heard("restarted")
            job.all_run(again=" again")
            coordinator = self.coordinator(job.keeper.pid)
            self.memory = bench.peak_memory(coordinator)
            self.processor = bench.Use.of([coordinator]).seconds
            job.succeed()
            self.ended = job.heard("ended")
            job.wait(60)

    @staticmethod
    def coordinator(keeper):
        """The agent, which is the keeper's child."""
        return next(pid for pid in bench.processes_of(harness.program("bin/torchelastic"))
                    if int(bench.status_of(pid, "PPid")) == keeper)


def measure(arguments):
    table = bench.Table(f"One coordinator and {AGENTS:,} agents, c10d", "torchrun")
    runs = [Run(AGENTS) for _ in range((arguments.runs + 1) // 2)]

    def row(what, name, unit, asked=""):
        table.row(what, [getattr(run, name) for run in runs], [], unit, asked)

    row("first connection to all have proved themselves", "proven", "s")
    row("first connection to all have their places", "formed", "s", "2 s")
    row("an agent tells of a failed worker to all were told to stop", "told", "ms", "300 ms")
    row("the same to all have their new places", "restarted", "ms")
    row("all succeed to all were told the end", "ended", "ms")
    row("memory of the coordinator", "memory", "MB", "200 MB")
    row("its processor time until all have their new places", "processor", "s")


if __name__ == "__main__":
    bench.main(__doc__, measure)
