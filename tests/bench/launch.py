#!/usr/bin/env python3
"""Measures `torchelastic run` on this machine, side by side with its torchrun: how long a start
takes, what the launcher uses, and how soon workers run again after one was killed."""

import contextlib
import functools
import pathlib
import time

import bench
import harness
import stopwatch


def ours(workers, *command):
    return [harness.program("bin/torchelastic"), "run", f"--nproc-per-node={workers}",
            "--no-python", *command]


class Bench:
    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.folder = pathlib.Path(folder)
        self.python = harness.python_with_torch()
        self.worker = bench.build(folder, "worker")

    def theirs(self, workers, *command):
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        return bench.torchrun(self.python, logs, "--standalone", f"--nproc_per_node={workers}",
                              "--no_python", *command)

    def start(self, workers):
        """Samples of the wall time of a whole run."""
        def run(argv):
            seconds, code = stopwatch.wall(argv)
            harness.equal(code, 0, f"exit code of {' '.join(argv)}")
            return seconds
        return bench.rounds(self.arguments.runs, functools.partial(run, ours(workers, "true")),
                            functools.partial(run, self.theirs(workers, "true")),
                            self.arguments.torchrun_runs)

    def first_instruction(self):
        """Samples from the exec of the launcher to the first instruction of its one worker."""
        def run(launcher):
            marks = self.marks()
            begin = time.monotonic()
            _, code = stopwatch.wall([*launcher(1, self.worker), marks, "once"])
            harness.equal(code, 0, "exit code of the launcher")
            return next(bench.marks(marks)).seconds - begin
        return bench.rounds(self.arguments.runs, functools.partial(run, ours),
                            functools.partial(run, self.theirs), self.arguments.torchrun_runs)

    def marks(self):
        """A fresh folder for the workers' marks."""
        folder = self.folder / f"marks.{time.monotonic_ns()}"
        folder.mkdir()
        return folder

    @contextlib.contextmanager
    def running(self, argv, workers):
        """A job whose workers have all begun, and the folder of their marks."""
        marks = self.marks()
        job = harness.Job([*argv, marks])
        try:
            bench.await_marks(job, marks, workers, 120)
            yield job, marks
            bench.end_gently(job)
        finally:
            if not job.ended():
                job.kill()

    def launchers(self, job):
        """The pids of a job that are not its workers."""
        workers = set(bench.processes_of(self.worker))
        return [pid for pid in bench.descendants(job.pid) if pid not in workers]

    def use(self, argv, workers):
        """Peak memory of the launcher's largest process, of all of them, and use when idle."""
        with self.running(argv, workers) as (job, _):
            time.sleep(1)
            idle = bench.use_while(self.launchers(job), self.arguments.idle)
            peaks = [bench.peak_memory(pid) for pid in self.launchers(job)]
        return max(peaks), sum(peaks), idle

    def restart(self, argv, workers):
        with self.running(argv, workers) as (job, marks):
            return bench.restart_time(job, marks, self.worker, workers, LOCAL_RANK="0")

    def restarts(self, workers):
        runs = (self.arguments.runs + 1) // 2
        mine = ours(workers, self.worker)
        mine.insert(2, "--max-restarts=1")
        yours = self.theirs(workers, self.worker)
        yours.insert(yours.index("--standalone"), "--max_restarts=1")
        return bench.rounds(runs, lambda: self.restart(mine, workers),
                            lambda: self.restart(yours, workers),
                            min(runs, self.arguments.torchrun_runs))

    def __call__(self):
        table = bench.Table("One node", f"torchrun {bench.torch_version(self.python)}")
        table.row("`run --nproc-per-node=1 --no-python true`, start to end", *self.start(1), "ms",
                  "15 ms")
        table.row("the same, 8 workers", *self.start(8), "ms")
        table.row("exec of the launcher to the worker's first instruction",
                  *self.first_instruction(), "ms", "8 ms")
        table.row("worker killed to the one new worker begun", *self.restarts(1), "ms", "20 ms")
        table.row("worker killed to all 8 workers begun anew", *self.restarts(8), "ms")
        tee = ours(8, self.worker)
        tee[2:2] = [f"--log-dir={self.folder / 'ours'}", "--redirects=3", "--tee=3"]
        largest, both, idle = zip(self.use(tee, 8), self.use(self.theirs(8, self.worker), 8))
        table.row("memory with 8 workers and tee, largest process", *([each] for each in largest),
                  "MB", "10 MB")
        table.row("memory with 8 workers and tee, all processes of the launcher",
                  *([each] for each in both), "MB")
        seconds = self.arguments.idle
        table.row(f"processor time in {seconds:g} s, 8 workers waiting",
                  *([each.seconds] for each in idle), "ms", f"{seconds:g} ms (0.1 %)", ratio=False)
        table.row("how often it woke meanwhile", *(str(each.sleeps) for each in idle), "")


def measure(arguments):
    with bench.scratch() as folder:
        Bench(arguments, folder)()


if __name__ == "__main__":
    bench.main(__doc__, measure)
