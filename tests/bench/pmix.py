#!/usr/bin/env python3
"""Measures how soon agents meet through PMIx, on clusters of 4 and of 16 nodes, side by side with what
Slurm's PMIx costs a C program, and with Slurm's own word as the way to meet: from the last launcher's
begin to the last worker's."""

import os
import pathlib
import shutil
import statistics

import bench
import harness

SIZES = (4, 16)


class Bench:
    def __init__(self, arguments, cluster, folder):
        self.runs = arguments.runs
        self.cluster = cluster
        self.nodes = len(cluster.nodes)
        self.worker = shutil.copy(bench.build(folder, "worker"), cluster.home)
        self.plain = shutil.copy(bench.build(folder, "fence", package="pmix"), cluster.home)
        agent = cluster.home.parent / "opt/bin/torchelastic"
        agent.rename(agent.with_name("torchelastic-itself"))
        shutil.copy(bench.build(folder, "begin", PROGRAM=agent.with_name("torchelastic-itself")),
                    agent)
        self.lost = 0

    def srun(self, *words):
        return ["srun", f"-N{self.nodes}", *words]

    def formation(self, argv, *more, **environment):
        """Nothing if Slurm has lost a message of the exchange."""
        begun, marks = (self.cluster.folder(name) for name in ("begun", "marks"))
        argv = [str(begun) if each == "BEGUN" else each for each in argv]
        done = self.cluster.start(*argv, marks, *more, BENCH_MARKS=begun, **environment).wait(120)
        ends = [mark.seconds for mark in bench.marks(marks)]
        if done.code != 0 and len(ends) < self.nodes:
            self.lost += 1
            return None
        begins = [int(name.split(".")[0]) / 1e6 for name in os.listdir(begun)]
        harness.equal((len(begins), len(ends)), (self.nodes, self.nodes), "marks", done.output)
        return max(ends) - max(begins)

    def ours(self, *options):
        return self.formation(self.srun(*options, "--torchelastic", "--no-python", self.worker),
                              "once")

    def __call__(self):
        samples = {"pmix": [], "slurm": [], "plain": [], "calm": []}
        for _ in range(self.runs):
            samples["pmix"].append(self.ours("--mpi=pmix", "--rdzv-backend=pmix"))
            samples["plain"].append(self.formation(self.srun("--mpi=pmix", self.plain, "BEGUN")))
            samples["calm"].append(self.formation(self.srun("--mpi=pmix", self.plain, "BEGUN"),
                                                  SLURM_PMIX_DIRECT_CONN="false"))
            samples["slurm"].append(self.ours("--rdzv-backend=slurm"))
        samples = {name: [each for each in found if each is not None]
                   for name, found in samples.items()}
        plain = statistics.median(samples["plain"])
        table = bench.Table(f"A cluster of {self.nodes} nodes on this machine, a worker each",
                            "PMIx in C")
        table.row("`srun --mpi=pmix --torchelastic`, last launcher begun to all workers begun",
                  samples["pmix"], samples["plain"], "ms", f"{1e3 * plain + 15:.3g} ms")
        table.row("the same without Slurm's direct connections, as the plugin sets it", "",
                  samples["calm"], "ms")
        table.row("`srun --torchelastic --rdzv-backend=slurm`", samples["slurm"], "", "ms")
        table.row("steps in which Slurm lost a message, all four together", str(self.lost), "", "")


def measure(arguments):
    with bench.scratch() as folder:
        for nodes in SIZES:
            with harness.Cluster(",".join(["0"] * nodes)) as cluster:
                Bench(arguments, cluster, pathlib.Path(folder))()


if __name__ == "__main__":
    bench.main(__doc__, measure)
