#!/usr/bin/env python3
"""Measures how much of what workers write the launcher takes on: into files, and from these to the
console, side by side with this machine's torchrun; and without files into a pipe that all workers
share; and counts what is lost of it."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import bench
import harness
import stopwatch

LINE = 100
TOTAL = 1 << 30  # bytes that all workers write together
WORKERS = 8


class Bench:
    def __init__(self, arguments, folder):
        # As many runs as make a median; each is a gigabyte.
        self.runs = (arguments.runs + 3) // 4
        self.torchrun_runs = (arguments.torchrun_runs + 3) // 4
        self.folder = pathlib.Path(folder)
        self.python = harness.python_with_torch()
        self.writer = bench.build(folder, "writer")
        os.environ.setdefault("OMP_NUM_THREADS", "1")

    def fresh(self, name):
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        return path

    def ours(self, workers, how=("--redirects=3", "--tee=3")):
        return [harness.program("bin/torchelastic"), "run", f"--nproc-per-node={workers}",
                "--log-dir", self.fresh("logs"), *how, "--no-python"]

    def theirs(self, workers):
        return bench.torchrun(self.python, self.fresh("logs"), "--standalone",
                              f"--nproc_per_node={workers}", "--no_python")

    def command(self, workers, chunk):
        size = TOTAL // workers // LINE * LINE
        return [self.writer, self.fresh("marks"), size, LINE, chunk], size * workers

    def rate(self, launcher, workers, chunk, run=()):
        """MB/s, from the first instruction of the first worker to the end of the launcher."""
        command, size = self.command(workers, chunk)
        argv = [str(each) for each in (*run, *launcher(workers), *command)]
        _, code = stopwatch.wall(argv)
        end = time.monotonic()
        harness.equal(code, 0, f"exit code of {' '.join(argv)}")
        begin = min(mark.seconds for mark in bench.marks(self.folder / "marks"))
        return size / 1e6 / (end - begin)

    def rates(self, workers, chunk):
        return bench.rounds(self.runs, lambda: self.rate(self.ours, workers, chunk),
                            lambda: self.rate(self.theirs, workers, chunk), self.torchrun_runs)

    def shared(self, chunk):
        """MB/s into a pipe, whose reader has nothing else to do."""
        run = ("bash", "-o", "pipefail", "-c", '"$@" | cat >/dev/null', "bash")
        return [self.rate(lambda n: self.ours(n, ()), WORKERS, chunk, run)
                for _ in range(self.runs)]

    def without_launcher(self, workers, chunk):
        """MB/s of the same workers, each into a file of its own."""
        command, size = self.command(workers, chunk)
        logs = self.fresh("logs")
        begin = time.monotonic()
        running = [subprocess.Popen(command_words(command), stdout=(logs / str(rank)).open("wb"),
                                    env={**os.environ, "RANK": str(rank)})
                   for rank in range(workers)]
        for each in running:
            harness.equal(each.wait(), 0, "exit code of a worker")
        return size / 1e6 / (time.monotonic() - begin)

    def lost(self, launcher, workers, chunk):
        """In words: of how many lines how many came whole and in order through a pipe."""
        command, size = self.command(workers, chunk)
        job = subprocess.Popen(command_words([*launcher(workers), *command]),
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        counted = subprocess.run([self.writer, "--check", str(LINE)], check=True,
                                 stdin=job.stdout, capture_output=True, text=True)
        job.stdout.close()
        harness.equal(job.wait(), 0, "exit code of the launcher")
        good = int(counted.stdout.split()[1])
        return f"{size // LINE - good:,} of {size // LINE:,}"

    def peak(self, launcher, workers, chunk):
        """MB of the launcher's largest process, when all is written and shown."""
        command, _ = self.command(workers, chunk)
        job = harness.Job([*launcher(workers), *command])
        highest = 0
        while not job.ended():
            for pid in bench.descendants(job.pid):
                highest = max(highest, self.memory(pid))
            time.sleep(0.02)
        return highest

    def memory(self, pid):
        try:
            return 0 if os.path.samefile(f"/proc/{pid}/exe", self.writer) else bench.peak_memory(pid)
        except (OSError, harness.Failure):
            return 0  # it has just gone

    def __call__(self):
        table = bench.Table(f"Output of {WORKERS} workers, {TOTAL >> 20} MB in lines of {LINE} bytes",
                            f"torchrun {bench.torch_version(self.python)}")
        alone = {}
        for chunk, words in ((64 << 10, "64 KB to a write"), (LINE, "one line to a write")):
            table.row(f"to files and from there to `/dev/null`, {words}",
                      *self.rates(WORKERS, chunk), "MB/s", "500 MB/s" if chunk != LINE else "")
            alone[words] = self.without_launcher(WORKERS, chunk)
        for chunk, words in ((64 << 10, "64 KB to a write"), (LINE, "one line to a write")):
            table.row(f"lines lost, split or mixed on the way to a pipe, {words}",
                      self.lost(self.ours, WORKERS, chunk), self.lost(self.theirs, WORKERS, chunk),
                      "", "0" if chunk != LINE else "")
        table.row("memory meanwhile, largest process",
                  [self.peak(self.ours, WORKERS, 64 << 10)],
                  [self.peak(self.theirs, WORKERS, 64 << 10)], "MB", "10 MB")
        for chunk, words in ((64 << 10, "64 KB to a write"), (LINE, "one line to a write")):
            table.row(f"without files, into one pipe, {words}", self.shared(chunk), "not whole",
                      "MB/s", "500 MB/s" if chunk != LINE else "")
        table.row("lines lost, split or mixed there, 64 KB to a write",
                  self.lost(lambda n: self.ours(n, ()), WORKERS, 64 << 10), "", "", "0")
        table.row("memory meanwhile", [self.peak(lambda n: self.ours(n, ()), WORKERS, 64 << 10)], "",
                  "MB", "10 MB")
        only = [self.rate(lambda n: self.ours(n, ("--redirects=3",)), 1, 64 << 10)
                for _ in range(self.runs)]
        table.row("1 worker, to a file only", only, "–", "MB/s", "1,000 MB/s")
        alone["1 worker, 64 KB to a write"] = self.without_launcher(1, 64 << 10)
        print("\nThe same workers without a launcher, each into a file: " +
              "; ".join(f"{words}: {rate:,.0f} MB/s" for words, rate in alone.items()))


def command_words(command):
    return [str(each) for each in command]


def measure(arguments):
    """Files are in memory, so that it is not the disk that is measured."""
    memory = pathlib.Path("/dev/shm")
    enough = memory.is_dir() and shutil.disk_usage(memory).free > 3 * TOTAL
    with tempfile.TemporaryDirectory(prefix="torchelastic-bench-",
                                     dir=memory if enough else None) as folder:
        Bench(arguments, folder)()


if __name__ == "__main__":
    bench.main(__doc__, measure)
