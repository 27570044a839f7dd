"""What the benchmarks share: torchrun of this machine, the worker that costs nothing, interleaved
rounds, what a process has used, and tables of Markdown. Standard library only.

Every benchmark runs ours and torchrun's in turns, A B A B, so that whatever else the machine does
meets both."""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import platform
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import harness  # noqa: E402, pylint: disable=wrong-import-position

SOURCES = pathlib.Path(__file__).resolve().parent


# --- programs ------------------------------------------------------------------------------------

def torchrun(python, folder, *options):
    """torchrun as it works everywhere: that of torch 1.13 fails on Python 3.11 unless it writes and
    shows its workers' stdout. Its monitor interval is torch 2's, not the 5 s of torch 1.13."""
    return [python, "-m", "torch.distributed.run", "-r", "1", "-t", "1", "--log_dir", str(folder),
            "--monitor_interval", "0.1", *options]


def torch_version(python):
    return subprocess.run([python, "-c", "import torch; print(torch.__version__)"], check=True,
                          capture_output=True, text=True).stdout.strip()


def build(folder, name, package=None, **macros):
    """Compiles one of the programs here, with what pkg-config says of a package; returns its path."""
    path = pathlib.Path(folder) / name
    command = [os.environ.get("CC", "cc"), "-O2", "-o", str(path), str(SOURCES / f"{name}.c"),
               *(f'-D{macro}="{value}"' for macro, value in macros.items())]
    if package:
        command += subprocess.run(["pkg-config", "--cflags", "--libs", package], check=True,
                                  capture_output=True, text=True).stdout.split()
    if subprocess.run([*command, "-static"], check=False, capture_output=True).returncode != 0:
        subprocess.run(command, check=True)
    return path


# --- workers and their marks ---------------------------------------------------------------------

@dataclasses.dataclass
class Mark:
    """A worker's first sign of life."""
    seconds: float
    rank: int
    restart: int


def marks(folder):
    for name in os.listdir(folder):
        began, rank, restart = name.split(".")
        yield Mark(int(began) / 1e6, int(rank), int(restart))


def await_marks(job, folder, count, limit):
    """Waits until the folder has that many marks; returns them, the oldest first."""
    job.wait_until(lambda: len(os.listdir(folder)) >= count, limit, f"{count} workers have begun")
    return sorted(marks(folder), key=lambda mark: mark.seconds)


def environment_of(pid):
    text = pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)


def processes_of(program):
    """The machine's pids of all processes that run this file."""
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and os.path.samefile(f"/proc/{entry}/exe", program):
                yield int(entry)


def find_worker(program, **wanted):
    """The worker whose environment says all of this."""
    for pid in processes_of(program):
        with contextlib.suppress(OSError):
            if wanted.items() <= environment_of(pid).items():
                return pid
    raise harness.Failure(f"no worker with {wanted}")


def strike(pid, number):
    """Sends the signal; returns when, just before, in the clock of the marks."""
    begin = time.monotonic()
    os.kill(pid, number)
    return begin


def restart_time(job, folder, program, count, **victim):
    """Kills a worker; returns the seconds until the last of all new workers has begun."""
    await_marks(job, folder, count, 120)
    time.sleep(0.3)  # the launcher has come to rest
    struck = strike(find_worker(program, **victim), signal.SIGKILL)
    seen = await_marks(job, folder, 2 * count, 120)
    fresh = [mark for mark in seen if mark.seconds > struck]
    harness.equal(sorted(mark.rank for mark in fresh), list(range(count)), "ranks that restarted",
                  job.output())
    return fresh[-1].seconds - struck


def end_gently(job, limit=60):
    job.signal(signal.SIGTERM)
    job.wait(limit)


def await_death(pid, limit):
    """Returns when a process that is no child of ours has ended."""
    ended = await_end(pid, limit)
    harness.check(ended is not None, f"process {pid} ends within {limit} s")
    return ended


def await_end(pid, limit):
    """Returns when the child has ended, and leaves it to be reaped; nothing if it takes longer."""
    handle = os.pidfd_open(pid)
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        return time.monotonic() if waiting.poll(limit * 1000) else None
    finally:
        os.close(handle)


# --- what processes use --------------------------------------------------------------------------

def status_of(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        name, value = line.split(":", 1)
        if name == field:
            return value.split()[0]
    raise harness.Failure(f"process {pid} has no {field}")


def peak_memory(pid):
    """MB. Unlike ru_maxrss it has nothing of the program that forked the process."""
    return int(status_of(pid, "VmHWM")) / 1024


@dataclasses.dataclass
class Use:
    """Processor time in seconds, and how often a thread went to sleep: once for each waking."""
    seconds: float = 0
    sleeps: int = 0

    @classmethod
    def of(cls, pids):
        use = cls()
        for task in (task for pid in pids for task in pathlib.Path(f"/proc/{pid}/task").iterdir()):
            use.seconds += int((task / "schedstat").read_text().split()[0]) / 1e9
            for line in (task / "status").read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches:"):
                    use.sleeps += int(line.split()[1])
        return use


def use_while(pids, seconds):
    """What the processes use in that time."""
    before = Use.of(pids)
    time.sleep(seconds)
    after = Use.of(pids)
    return Use(after.seconds - before.seconds, after.sleeps - before.sleeps)


def ancestors(pid, end):
    """All that are between the process and its ancestor of that name."""
    while True:
        pid = int(status_of(pid, "PPid"))
        if pid == 0 or status_of(pid, "Name") == end:
            return
        yield pid


def descendants(pid):
    """The process and all that came of it."""
    family = [pid]
    for each in family:
        listed = pathlib.Path(f"/proc/{each}/task").glob("*/children")
        family += [int(child) for path in listed for child in path.read_text().split()]
    return family


# --- rounds and tables ---------------------------------------------------------------------------

def rounds(count, ours, theirs, count_of_theirs):
    """Calls `ours` `count` times, and between these `theirs`, spread evenly. Returns both lists."""
    samples = [], []
    for i in range(count):
        samples[0].append(ours())
        if i * count_of_theirs // count != (i + 1) * count_of_theirs // count:
            samples[1].append(theirs())
    return samples


UNITS = {"ms": 1e3, "s": 1.0, "MB": 1.0, "MB/s": 1.0}


def amount(value, unit):
    return f"{value * UNITS[unit]:.3g} {unit}" if abs(value * UNITS[unit]) < 100 else \
        f"{value * UNITS[unit]:,.0f} {unit}"


def cell(samples, unit):
    """Median, range and number."""
    if not samples:
        return "–"
    low, high = (amount(each(samples), unit) for each in (min, max))
    middle = amount(statistics.median(samples), unit)
    if len(samples) == 1:
        return middle
    return f"{middle} ({low.split()[0]} to {high.split()[0]}, n={len(samples)})"


class Table:
    """A row is printed as soon as it is known: benchmarks take their time."""

    def __init__(self, title, theirs):
        print(f"\n### {title}\n\n| | torchelastic | asked | {theirs} | ratio |\n"
              "|---|---|---|---|---|", flush=True)

    def row(self, what, ours, theirs, unit, asked="", ratio=True):
        """`ours` and `theirs`: lists of samples, or words. The ratio says how many times better
        ours is: less, except for what is per second."""
        both = all(isinstance(each, list) and each for each in (ours, theirs))
        factor = ""
        if both and ratio:
            more, less = (theirs, ours) if not unit.endswith("/s") else (ours, theirs)
            factor = f"{statistics.median(more) / statistics.median(less):,.0f}"
        cells = [each if isinstance(each, str) else cell(each, unit) for each in (ours, theirs)]
        print(f"| {what} | {cells[0]} | {asked} | {cells[1]} | {factor} |", flush=True)


def machine():
    models = [line.split(":", 1)[1].strip()
              for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]
    release = platform.freedesktop_os_release().get("PRETTY_NAME", "?")
    return (f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, "
            f"Linux {platform.release()}, {release}, load average {os.getloadavg()[0]:.1f}")


def parser(promise):
    options = argparse.ArgumentParser(description=promise)
    options.add_argument("--build-dir", type=pathlib.Path,
                         default=os.environ.get("TORCHELASTIC_BUILD_DIR",
                                                harness.REPOSITORY / "build"),
                         help="a Release build (build)")
    options.add_argument("--runs", type=int, default=21, metavar="N",
                         help="runs per figure (21); half as many where workers are killed")
    options.add_argument("--torchrun-runs", type=int, default=11, metavar="N",
                         help="runs of torchrun per figure, spread among ours (11)")
    options.add_argument("--idle", type=float, default=60, metavar="SECONDS",
                         help="how long to watch an idle launcher (60)")
    options.add_argument("--calm", type=float, default=600, metavar="SECONDS",
                         help="how long to watch agents while all cores are busy (600)")
    return options


def main(promise, measure):
    """Calls `measure(arguments)`, having prepared what the tests' harness needs."""
    options = parser(promise)
    arguments = options.parse_args()
    arguments.torchrun_runs = min(arguments.torchrun_runs, arguments.runs)
    harness.build = arguments.build_dir.resolve()
    if not os.access(harness.program("bin/torchelastic"), os.X_OK):
        options.error(f"no bin/torchelastic in {harness.build}")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, harness.told)
    print(f"`{' '.join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]])}` on {machine()}")
    try:
        measure(arguments)
    except harness.Failure as failure:
        sys.exit(f"FAILED: {failure}")
    except harness.Told as told:
        sys.exit(told.args[0])


def scratch():
    return tempfile.TemporaryDirectory(prefix="torchelastic-bench-")
