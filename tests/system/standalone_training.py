#!/usr/bin/env python3
"""Without Slurm an ordinary training program runs on one machine, and when one of its workers is
killed it goes on from its checkpoint."""

import os
import pathlib
import signal

import harness
from harness import count, equal


def workers(keeper):
    """The pids of a job's workers, by local rank."""
    found = {}
    for agent in children(keeper):
        for worker in children(agent):
            words = pathlib.Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
            found.update({int(each[11:]): worker for each in words
                          if each.startswith(b"LOCAL_RANK=")})
    return found


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def train(folder, *options):
    python = harness.python_with_torch()
    path = f"{os.path.dirname(python)}:{os.environ['PATH']}"
    (folder / "tmp").mkdir(exist_ok=True)
    return harness.Job([harness.program("bin/torchelastic"), "run", "--standalone",
                        "--nproc-per-node=2", "--max-restarts=1", harness.TRAIN,
                        "--samples=640", "--epochs=3", *options],
                       cwd=folder, env={**os.environ, "PATH": path, "TMPDIR": str(folder / "tmp")})


def expect_end(job, folder):
    outcome = job.wait(120)
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(count(r"^epoch 2 of 3: loss", outcome.output), 1, "the last epoch", outcome.output)
    equal(list((folder / "tmp").iterdir()), [], "files left in $TMPDIR", outcome.output)
    return outcome


def test():
    with harness.scratch() as folder:
        harness.step("undisturbed")
        outcome = expect_end(train(folder), folder)
        equal(count(r"^rank [01] of 2:", outcome.output), 2, "ranks", outcome.output)

        harness.step("with a worker that is killed")
        checkpoint = folder / "checkpoint.pt"
        checkpoint.unlink()
        job = train(folder, "--step-seconds=0.2")
        job.wait_until(checkpoint.exists, 120, "there is a checkpoint")
        victim = workers(job.pid)[1]
        os.kill(int(victim), signal.SIGKILL)
        outcome = expect_end(job, folder)
        equal(count(rf"rank 1 \(.*local rank 1, pid {victim}\).*SIGKILL.*restart 1 of 1",
                    outcome.output), 1, "lines that tell who was killed", outcome.output)
        equal(count(r"^resumed from epoch \d+ step \d+$", outcome.output), 1,
              "the training resumes", outcome.output)
        equal(count(r"^rank [01] of 2:", outcome.output), 4, "ranks of both attempts",
              outcome.output)


harness.main(__doc__, test)
