#!/usr/bin/env python3
"""Without Slurm an ordinary training program runs on one machine, also under the name torchrun, and
when one of its workers is killed it goes on from its checkpoint: its loss becomes what it would
have been."""

import os
import re
import signal

import harness
from alone import Place
from harness import check, count, equal


def train(place, *options, **how):
    python = harness.python_with_torch()
    path = {"PATH": f"{os.path.dirname(python)}:{os.environ['PATH']}"}
    return place.start("--nproc-per-node=2", "--max-restarts=1", harness.TRAIN, "--samples=640",
                       "--epochs=3", *options, environment=path, **how)


def expect_end(place, job):
    """Returns the outcome, and the loss of each epoch that a worker came to the end of."""
    outcome = job.wait(120)
    equal(outcome.code, 0, "exit code", outcome.output)
    place.expect_nothing_left(outcome.output)
    place.expect_no_files(outcome.output)
    told = re.findall(r"^epoch (\d) of 3: loss (\S+)$", outcome.output, re.MULTILINE)
    losses = {int(epoch): float(loss) for epoch, loss in told}
    equal((len(told), sorted(losses)), (3, [0, 1, 2]), "epochs", outcome.output)
    return outcome, losses


def undisturbed(place):
    link = place.folder / "torchrun"
    link.symlink_to(harness.program("bin/torchelastic"))
    outcome, losses = expect_end(place, train(place, argv0=link, command=()))
    equal(count(r"^rank [01] of 2:", outcome.output), 2, "ranks", outcome.output)
    check(losses[2] < losses[0], "it learns", outcome.output)
    return losses


def with_a_worker_that_is_killed(place, expected):
    checkpoint = place.folder / "checkpoint.pt"
    checkpoint.unlink()
    job = train(place, "--step-seconds=0.2")
    job.wait_until(checkpoint.exists, 120, "there is a checkpoint")
    victim = place.workers_of(job.pid)[1]
    os.kill(victim, signal.SIGKILL)
    outcome, losses = expect_end(place, job)
    equal(count(rf"rank 1 \(.*local rank 1, pid {victim}\).*SIGKILL.*restart 1 of 1",
                outcome.output), 1, "lines that tell who was killed", outcome.output)
    equal(count(r"^rank [01] of 2:", outcome.output), 4, "ranks of both attempts", outcome.output)
    resumed = re.findall(r"^resumed from epoch (\d) step (\d+)$", outcome.output, re.MULTILINE)
    equal([epoch for epoch, _ in resumed], ["0"], "where the training resumes", outcome.output)
    # The first steps, of the greatest loss, were not done again; then all is as if undisturbed.
    check(losses[0] < expected[0], f"the loss goes on below {expected[0]}", outcome.output)
    for epoch in (1, 2):
        check(abs(losses[epoch] - expected[epoch]) < 1e-3,
              f"loss of epoch {epoch} as undisturbed: {expected[epoch]}", outcome.output)


def test():
    with harness.scratch() as folder:
        place = Place(folder)
        harness.step("undisturbed, called as torchrun")
        losses = undisturbed(place)
        harness.step("with a worker that is killed")
        with_a_worker_that_is_killed(place, losses)


harness.main(__doc__, test)
