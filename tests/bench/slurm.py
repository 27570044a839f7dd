#!/usr/bin/env python3
"""Measures `srun --torchelastic` on a cluster of four nodes with 2, 2, 4 and 4 stand-in GPUs, side by
side with torchrun by the usual recipe: what a start costs over plain srun, how soon all workers run
again after one was killed, how soon the step ends after one failed, and what idle agents use; and on
sixteen nodes, how soon all workers run once the last launcher has begun."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import time

import bench
import harness
import stopwatch

NODES = ["n1", "n2", "n3", "n4"]
WORKERS = 12
VICTIM = {"SLURMD_NODENAME": "n3", "LOCAL_RANK": "1"}
PLAIN = ["srun", "-N4", "true"]
READY = ["sinfo", "--noheader", "--format=%T"]
MANY = 16  # nodes
PATIENCE = 15  # torchrun's agent waits 300 s for others that will never come before it fails


def ours(*words):
    return ["srun", "-N4", "--gpus=12", "--torchelastic", "--nproc-per-node=gpu", *words]


# The recipe of PyTorch's and most clusters' documents for batch scripts: the address of the first
# node, a port that one hopes is free, and -K, without which the step outlives its failure.
RECIPE = """\
#!/bin/bash
nodes=($(scontrol show hostnames "$SLURM_JOB_NODELIST"))
head_node_ip=$(srun --nodes=1 --ntasks=1 ONE -w "${nodes[0]}" hostname --ip-address)
srun -K sh -c 'exec LAUNCHER --nnodes="$SLURM_NNODES" --nproc_per_node="WORKERS" \
    --rdzv_id="$SLURM_JOB_ID" --rdzv_backend=c10d --rdzv_endpoint="$0":29500 "$@"' \
    "$head_node_ip" "$@"
"""


def recipe(cluster, launcher, workers, nodes, gpus=()):
    """The words that begin a job by the recipe. salloc stands for sbatch, which would tell of the
    end some seconds late."""
    script = cluster.home / f"recipe{workers.strip('$')}.sh"
    script.write_text(RECIPE.replace("LAUNCHER", " ".join(launcher)).replace("WORKERS", workers)
                      .replace("ONE", "--gpus=1" if gpus else ""))  # not those of all nodes
    return ["salloc", "--quiet", f"-N{nodes}", *gpus, "bash", script]


class Bench:
    def __init__(self, arguments, cluster, folder):
        self.arguments = arguments
        self.cluster = cluster
        self.python = cluster.python()
        self.plain = []
        self.logs = cluster.folder("logs")
        self.worker = cluster.home / "worker"
        shutil.copy(bench.build(folder, "worker"), self.worker)
        shutil.copy(stopwatch.__file__, cluster.home)

    def theirs(self, *words, workers="$SLURM_GPUS_ON_NODE", gpus=("--gpus=12",)):
        launcher = bench.torchrun(self.python, self.logs)
        return [*recipe(self.cluster, launcher, workers, 4, gpus), *words]

    def over_plain(self, argv):
        """What a command takes more than a plain srun just before, both timed on the login node."""
        commands = [PLAIN, [str(each) for each in argv]]
        done = self.cluster.run("python3", "stopwatch.py", json.dumps(commands), json.dumps(READY),
                                limit=120)
        harness.equal(done.code, 0, "stopwatch", done.output)
        results = json.loads(done.output.splitlines()[-1])
        harness.equal([code for _, code in results], [0, 0], f"exit codes of {commands}")
        plain, extended = (seconds for seconds, _ in results)
        self.plain.append(plain)
        return extended - plain

    def start(self):
        mine = ["srun", "-N4", "--torchelastic", "--no-python", "true"]
        yours = self.theirs("--no_python", "true", workers="1", gpus=())
        return self.both(self.over_plain, [mine], [yours], self.arguments.runs)

    @contextlib.contextmanager
    def running(self, argv):
        """A job whose workers have all begun, and the folder of their marks."""
        marks = self.cluster.folder("marks")
        self.ready()
        job = self.cluster.start(*argv, marks)
        try:
            bench.await_marks(job, marks, WORKERS, 120)
            yield job, marks
        finally:
            if not job.ended():
                bench.end_gently(job)

    def ready(self):
        harness.wait_until(lambda: set(self.cluster.run(*READY).output.split()) == {"idle"}, 60,
                           "all nodes are idle")

    def restart(self, argv):
        with self.running(argv) as (job, marks):
            return bench.restart_time(job, marks, self.worker, WORKERS, **VICTIM)

    def takeover(self, argv):
        """From the death of the agent that coordinates to the last new worker of the other nodes."""
        with self.running(argv) as (job, marks):
            time.sleep(0.3)
            first = bench.find_worker(self.worker, SLURMD_NODENAME="n1", LOCAL_RANK="0")
            struck = bench.strike(int(bench.status_of(first, "PPid")), signal.SIGKILL)
            left = WORKERS - 2
            seen = bench.await_marks(job, marks, WORKERS + left, 60)
            fresh = [mark for mark in seen if mark.seconds > struck]
            harness.equal(sorted(mark.rank for mark in fresh), list(range(left)), "ranks",
                          job.output())
            return fresh[-1].seconds - struck

    def failure(self, argv):
        """From the worker's failure to the end of srun; nothing if that is not soon."""
        with self.running(argv) as (job, _):
            time.sleep(0.3)
            failed = bench.strike(bench.find_worker(self.worker, **VICTIM), signal.SIGUSR1)
            ended = bench.await_end(job.pid, PATIENCE)
            if ended is None:
                return None
            outcome = job.wait(1)
            harness.check(outcome.code != 0, "the step fails", outcome.output)
            return ended - failed

    def use(self, argv):
        """The peak memory of the largest launcher, and what those of all nodes use when idle."""
        with self.running(argv):
            time.sleep(1)
            launchers = {pid for worker in bench.processes_of(self.worker)
                         for pid in bench.ancestors(worker, "slurmstepd")}
            idle = bench.use_while(launchers, self.arguments.idle)
            return max(bench.peak_memory(pid) for pid in launchers), idle

    def both(self, call, mine, yours, runs):
        return bench.rounds(runs, lambda: call(*mine), lambda: call(*yours),
                            min(runs, self.arguments.torchrun_runs))

    def __call__(self):
        table = bench.Table("A cluster of four nodes on this machine",
                            f"torchrun {bench.torch_version(self.python)}")
        mine, yours = self.start()
        table.row("`srun -N4 --torchelastic --no-python true`, over plain `srun -N4 true`", mine,
                  yours, "ms", "25 ms")
        table.row("plain `srun -N4 true`, for comparison", self.plain, "", "ms")
        peak, idle = zip(self.use(ours("--no-python", self.worker)),
                         self.use(self.theirs("--no_python", self.worker)))
        table.row("memory of the largest process of a launcher", *([each] for each in peak), "MB",
                  "10 MB")
        table.row(f"processor time of the four launchers in {self.arguments.idle:g} s, workers "
                  "waiting", *([each.seconds] for each in idle), "ms", ratio=False)
        table.row("how often they woke meanwhile", *(str(each.sleeps) for each in idle), "")
        half = (self.arguments.runs + 1) // 2
        table.row("worker killed to all 12 workers begun anew", *self.both(
            self.restart, [ours("--max-restarts=3", "--no-python", self.worker)],
            [self.theirs("--max_restarts=3", "--no_python", self.worker)], half), "ms", "80 ms")
        table.row("agent that coordinates killed, 3:4, to the other nodes' 10 workers begun anew",
                  [self.takeover(ours("--nnodes=3:4", "--no-python", self.worker))
                   for _ in range(half)], "not measured", "ms")
        mine, yours = bench.rounds(
            half, lambda: self.failure(ours("--no-python", self.worker)),
            lambda: self.failure(self.theirs("--max_restarts=0", "--no_python", self.worker)), 1)
        table.row("worker exits 37 to the end of the step", mine,
                  yours if None not in yours else f"not within {PATIENCE} s", "ms", "2 s")


class Many:
    """Sixteen nodes of one worker each. Every launcher is begun by `begin`, which notes when."""

    def __init__(self, arguments, cluster, folder):
        self.arguments = arguments
        self.cluster = cluster
        self.python = cluster.python()
        shutil.copy(bench.build(folder, "worker"), cluster.home)
        agent = cluster.home.parent / "opt/bin/torchelastic"
        agent.rename(agent.with_name("torchelastic-itself"))
        shutil.copy(bench.build(folder, "begin", PROGRAM=agent.with_name("torchelastic-itself")),
                    agent)
        shutil.copy(bench.build(folder, "begin", PROGRAM=self.python), cluster.home / "python")

    def formation(self, argv):
        """From the start of the last launcher to the first statement of the last worker."""
        begun, marks = (self.cluster.folder(name) for name in ("begun", "marks"))
        job = self.cluster.start(*argv, marks, "once", BENCH_MARKS=begun)
        done = job.wait(300)
        harness.equal(done.code, 0, "exit code", done.output)
        launchers = [int(name.split(".")[0]) / 1e6 for name in os.listdir(begun)]
        workers = [mark.seconds for mark in bench.marks(marks)]
        harness.equal((len(launchers), len(workers)), (MANY, MANY), "marks", done.output)
        return max(workers) - max(launchers)

    def __call__(self):
        table = bench.Table(f"A cluster of {MANY} nodes on this machine, a worker each",
                            f"torchrun {bench.torch_version(self.python)}")
        worker = self.cluster.home / "worker"
        mine = ["srun", f"-N{MANY}", "--torchelastic", "--no-python", worker]
        _, *torchrun = bench.torchrun(self.python, self.cluster.folder("logs"))
        yours = [*recipe(self.cluster, [str(self.cluster.home / "python"), *torchrun], "1", MANY),
                 "--no_python", worker]
        table.row("last launcher begun to all workers begun", *bench.rounds(
            self.arguments.runs, lambda: self.formation(mine), lambda: self.formation(yours), 1),
            "ms", "100 ms")


def measure(arguments):
    with bench.scratch() as folder:
        folder = pathlib.Path(folder)
        with harness.Cluster() as cluster:
            Bench(arguments, cluster, folder)()
        with harness.Cluster(",".join(["1"] * MANY)) as cluster:
            Many(arguments, cluster, folder)()


if __name__ == "__main__":
    bench.main(__doc__, measure)
