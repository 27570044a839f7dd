#!/usr/bin/env python3
"""Ctrl-C, scancel and SIGTERM end a job wherever it stands, also one whose workers do not listen,
and leave no process and no file on any node."""

import signal

import harness
from harness import check, count, equal

# Says that it was told, with no child that the signal might hit, too; goes at once.
OBEDIENT = """
    #!/bin/sh
    trap ': >"$1/told.$RANK"; exit 0' TERM INT
    : >"$1/runs.$RANK"
    while :; do sleep 1; done
"""

# Goes only by SIGKILL, and hides a child.
DEAF = """
    #!/bin/sh
    trap '' TERM INT HUP QUIT
    setsid sleep 1000 &
    : >"$1/runs.$RANK"
    while :; do sleep 1; done
"""
# As most do.
PLAIN = """
    #!/bin/sh
    : >"$1/runs.$RANK"
    exec sleep 1000
"""
LINE = ["srun", "-N4", "--torchelastic", "--nproc-per-node=2", "--max-restarts=2", "--no-python"]


class Case:
    """A job that runs, to be ended in some way."""

    def __init__(self, cluster, worker, around=()):
        self.cluster = cluster
        self.folder = cluster.folder("marks")
        self.job = cluster.start(*around, *LINE, worker, self.folder)

    def marks(self, name):
        return list(self.folder.glob(name + ".*"))

    def await_workers(self):
        self.job.wait_until(lambda: len(self.marks("runs")) == 8, 60, "all workers run")
        return self

    def press_ctrl_c(self):
        """srun asks for a second one within a second, and asks again if that came too late."""
        asked = 0
        while "sending Ctrl-C" not in self.job.output():
            self.job.signal(signal.SIGINT)
            self.job.wait_until(
                lambda: (count("one more within 1 sec", self.job.output()) > asked or
                         "sending Ctrl-C" in self.job.output()), 20, "srun hears Ctrl-C")
            asked += 1

    def scancel(self, *options):
        done = self.cluster.run("scancel", *options, "--user=trainer")
        equal(done.code, 0, "scancel", done.output)

    def expect_end(self, code=None):
        outcome = self.job.wait(60)
        check(outcome.code != 0, "the exit code tells of it", outcome.output)
        if code:
            equal(outcome.code, code, "exit code", outcome.output)
        self.cluster.expect_nothing_left(outcome.output, 20)
        harness.wait_until(lambda: not self.cluster.run("squeue", "--noheader").output.strip(), 30,
                           "the job is gone", lambda: outcome.output)
        self.cluster.expect_no_files(outcome.output)
        return outcome

    def expect_all_told(self, outcome):
        """Every worker had the time to tidy up."""
        equal(len(self.marks("told")), 8, "workers that were told", outcome.output)
        check("told to end by SIGTERM" in outcome.output, "somebody says why", outcome.output)


def ctrl_c(cluster):
    case = Case(cluster, "./obedient.sh").await_workers()
    case.press_ctrl_c()
    case.expect_end()


def ctrl_c_with_deaf_workers(cluster):
    case = Case(cluster, "./deaf.sh").await_workers()
    case.press_ctrl_c()
    case.expect_end()


def sigterm_to_srun(cluster):
    case = Case(cluster, "./obedient.sh").await_workers()
    case.job.signal(signal.SIGTERM)
    case.expect_end()


def scancel(cluster):
    case = Case(cluster, "./obedient.sh").await_workers()
    case.scancel()
    case.expect_all_told(case.expect_end(143))


def scancel_by_signal(cluster):
    case = Case(cluster, "./obedient.sh").await_workers()
    case.scancel("--signal=TERM")
    case.expect_all_told(case.expect_end(143))


def scancel_with_deaf_workers(cluster):
    case = Case(cluster, "./deaf.sh").await_workers()
    case.scancel()
    case.expect_end()


def scancel_of_a_step(cluster):
    """Slurm sends SIGKILL at once, and again to all that it finds below the step meanwhile."""
    for _ in range(3):
        case = Case(cluster, "./plain.sh", ["salloc", "-N4"]).await_workers()
        step = cluster.run("squeue", "--noheader", "--steps", "--format=%i").output.split()
        check(len(step) == 1 and step[0].endswith(".0"), "one step", step)
        equal(cluster.run("scancel", *step).code, 0, "scancel")
        case.expect_end()


def scancel_while_it_starts(cluster):
    case = Case(cluster, "./obedient.sh")
    case.job.wait_until(lambda: cluster.of_jobs("n4"), 60, "something runs on n4")
    case.scancel()
    case.expect_end()


def test():
    with harness.Cluster() as cluster:
        cluster.script("obedient.sh", OBEDIENT)
        cluster.script("deaf.sh", DEAF)
        cluster.script("plain.sh", PLAIN)
        for case in (ctrl_c, ctrl_c_with_deaf_workers, sigterm_to_srun, scancel, scancel_by_signal,
                     scancel_with_deaf_workers, scancel_of_a_step, scancel_while_it_starts):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)


harness.main(__doc__, test)
