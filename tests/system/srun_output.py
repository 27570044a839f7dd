#!/usr/bin/env python3
"""What twelve workers on four nodes write at once arrives whole, wherever srun puts it: not a line is
lost, split or mixed with another's, though each is written in two pieces and a worker is killed within
its last; and the one report of what failed is whole, too."""

import collections
import re
import shlex

import harness
from harness import check, count, equal

GPUS = [2, 2, 4, 4]
NODE_OF = [node for node, gpus in enumerate(GPUS) for _ in range(gpus)]
WORKERS = len(NODE_OF)
VICTIM = 5
LINES = 1500
STEP = ["srun", "-N4", "--gpus=12", "--torchelastic", "--nproc-per-node=gpu", "--no-python"]

# Lines in two pieces, on both streams; the victim ends itself within one, the others go on.
WORKER = f"""
    #!/usr/bin/python3
    import itertools, os, signal, time
    rank = int(os.environ["RANK"])
    for i in itertools.count():
        for fd, stream in ((1, "out"), (2, "err")):
            if stream == "out" or i % 5 == 0:
                os.write(fd, f"{{stream}} {{rank}} {{i}} {{'x' * (i % 300)}}".encode())
                os.write(fd, b"|\\n")
        if i == 0:
            open(f"begun/{{rank}}", "w").close()
        if rank == {VICTIM} and i + 1 == {LINES}:
            while len(os.listdir("begun")) < {WORKERS}:
                time.sleep(0.01)
            os.write(1, b"last words")
            os.kill(os.getpid(), signal.SIGKILL)
"""

# A hundred megabytes of all together, in pieces that end within lines.
MUCH = """
    #!/usr/bin/python3
    import os
    rank = os.environ["RANK"]
    piece, size = b"", 64 << 10
    for i in range(9000):
        piece += f"out {rank} {i} ".encode() + b"x" * 920 + b"|\\n"
        while len(piece) >= size:
            piece = piece[os.write(1, piece[:size]):]
    while piece:
        piece = piece[os.write(1, piece):]
"""

RULER = r"={20,}"


def report_of(lines):
    """The lines of the report, which must be one and in one piece; and all others."""
    at = [i for i, line in enumerate(lines) if re.fullmatch(RULER, line)]
    equal(len(at), 2, "rulers of reports", "\n".join(lines[-60:]))
    return lines[at[0]:at[1] + 1], lines[:at[0]] + lines[at[1] + 1:]


def expect_report(report):
    text = "\n".join(report)
    check(1 < len(report) < 40, "the report is one piece", text)
    equal(count("FAILED$", text), 1, "reports", text)
    equal(count(rf"rank +: {VICTIM} ", text), 1, "causes", text)
    equal(count(r"^(out|err) ", text), 0, "workers' lines within the report", text)


def is_ours(line):
    """A line of an agent, or of Slurm: they are whole if they begin as they do and end so."""
    return re.fullmatch(r"[IWE]\d{4} \d\d:\d\d:\d\d\.\d{3} torchelastic\[n\d\] .*[^|x]|"
                        r"(srun|slurmstepd-n\d): .*|", line)


def expect_whole(lines, whole=True):
    """Every worker's lines are there, from the first to some last one; the others are no workers'."""
    following = collections.Counter()
    broken = collections.Counter()
    last_words = 0
    for line in lines:
        if line == "last words":
            last_words += 1
            continue
        said = re.fullmatch(r"(out|err) (\d+) (\d+) (x*)\|", line)
        if not said:
            # Of a worker that was stopped between its two pieces.
            part = re.fullmatch(r"(out|err) (\d+) (\d+) (x*)", line)
            check(part or is_ours(line), f"a line is whole: {line!r}")
            broken[part.group(2) if part else None] += 1
            continue
        stream, rank, i, text = said.groups()
        equal(int(i), following[stream, rank], f"the number of the next line of {stream}, {rank}", line)
        following[stream, rank] += 1 if stream == "out" else 5
        equal(len(text), int(i) % 300, "the line's length", line)
    equal(last_words, 1, "last words")
    check(not whole or all(n == 1 for rank, n in broken.items() if rank), "last pieces", broken)
    equal(following["out", str(VICTIM)], LINES, "lines of the worker that failed")
    equal(sorted({int(rank) for _, rank in following}), list(range(WORKERS)), "ranks", following)


def all_in_one(text):
    report, rest = report_of(text.splitlines())
    expect_report(report)
    expect_whole(rest)


def plain(cluster):
    outcome = cluster.run(*STEP, "./worker.py")
    equal(outcome.code, 137, "exit code", outcome.output[-3000:])
    all_in_one(outcome.output)


def labelled(cluster):
    outcome = cluster.run(*STEP, "-l", "./worker.py")
    equal(outcome.code, 137, "exit code", outcome.output[-3000:])
    lines = []
    for line in outcome.output.splitlines():
        label = re.match(r"([0-3]): ?", line)
        check(label or is_ours(line), f"a line has a label: {line!r}")
        line = line[label.end():] if label else line
        said = re.match(r"(?:out|err) (\d+) ", line)
        if said:
            equal(int(label.group(1)), NODE_OF[int(said.group(1))], "the label", line)
        lines.append(line)
    all_in_one("\n".join(lines))


def a_file_for_each_task(cluster):
    outcome = cluster.run(*STEP, "-o", "each_%t", "./worker.py")
    equal(outcome.code, 137, "exit code", outcome.output[-3000:])
    texts = [(cluster.home / f"each_{task}").read_text() for task in range(4)]
    for task, text in enumerate(texts):
        ranks = {int(rank) for rank in re.findall(r"^out (\d+) ", text, re.MULTILINE)}
        equal(ranks, {rank for rank in range(WORKERS) if NODE_OF[rank] == task}, "ranks in a file")
        equal(count(f"^{RULER}$", text), 2 if task == 0 else 0, f"rulers in the file of {task}")
    all_in_one("".join(texts))


def one_file(cluster):
    outcome = cluster.run(*STEP, "-o", "one", "./worker.py")
    equal(outcome.code, 137, "exit code", outcome.output[-3000:])
    all_in_one((cluster.home / "one").read_text())


def a_batch_jobs_file(cluster):
    outcome = cluster.run("sbatch", "--wait", "-N4", "--gpus=12", "-o", "batch", "--wrap",
                          shlex.join([*STEP, "./worker.py"]))
    equal(outcome.code, 137, "exit code", outcome.output)
    all_in_one((cluster.home / "batch").read_text())


def a_slow_reader(cluster):
    outcome = cluster.run("sh", "-c", f"{shlex.join([*STEP, './worker.py'])} 2>&1 | (sleep 3; cat)")
    all_in_one(outcome.output)


def a_hundred_megabytes(cluster):
    outcome = cluster.run("sh", "-c", f"{shlex.join([*STEP, './much.py'])} | cat >much")
    equal(outcome.code, 0, "exit code", outcome.output)
    following = [0] * WORKERS
    with (cluster.home / "much").open() as shown:
        for line in shown:
            _, rank, i, text = line.split(" ")
            equal(int(i), following[int(rank)], f"the number of the next line of {rank}")
            equal(len(text), 922, "the line's length")
            following[int(rank)] += 1
    equal(following, [9000] * WORKERS, "lines of each worker")


def test():
    with harness.Cluster(",".join(str(gpus) for gpus in GPUS)) as cluster:
        cluster.script("worker.py", WORKER)
        cluster.script("much.py", MUCH)
        for case in (plain, labelled, a_file_for_each_task, one_file, a_batch_jobs_file,
                     a_slow_reader, a_hundred_megabytes):
            cluster.folder("begun")
            harness.step(case.__name__.replace("_", " "))
            case(cluster)


harness.main(__doc__, test)
