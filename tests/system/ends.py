#!/usr/bin/env python3
"""Whatever Slurm does to a job, its workers are told in time and once, nothing of it is taken for
their failure, it is requeued if its user said so, and Slurm's records have the true cause."""

import json
import re
import time

import harness
from harness import check, count, equal

# Marks each signal with what can be read about it; ends at SIGTERM, with success.
WORKER = """
    #!/usr/bin/env python3
    import os, pathlib, signal, sys, time
    folder = pathlib.Path(sys.argv[1])
    life = os.environ.get("SLURM_RESTART_COUNT", "0")
    file = pathlib.Path(os.environ["TORCHELASTIC_NOTICE_FILE"])
    seen = 0

    def told(number, _):
        global seen
        seen += 1
        name = signal.Signals(number).name
        for _ in range(200):  # signalled by Slurm itself, a worker may be faster than its agent
            if file.exists() and name in file.read_text():
                break
            time.sleep(0.01)
        leave(f"{name}.{life}.{os.environ['RANK']}.{seen}", file.read_text())
        if number == signal.SIGTERM:
            sys.exit(0)

    def leave(name, text):
        (folder / ("new." + name)).write_text(text)
        (folder / ("new." + name)).rename(folder / name)

    signal.signal(signal.SIGUSR1, told)
    signal.signal(signal.SIGTERM, told)
    leave(f"runs.{life}.{os.environ['RANK']}.{os.environ['TORCHELASTIC_RESTART_COUNT']}", "")
    while True:
        time.sleep(0.05)
"""


class Batch:
    """A batch job with one elastic step."""

    def __init__(self, cluster, name, batch=(), step=(), worker="./worker.py"):
        self.cluster = cluster
        self.folder = cluster.folder(name)
        self.file = cluster.home / f"{name}.out"
        self.file.unlink(missing_ok=True)
        words = ["srun", "--torchelastic", "--nproc-per-node=2", "--no-python", *step, worker,
                 str(self.folder)]
        cluster.script(f"{name}.job", "#!/bin/sh\n" + " ".join(words))
        done = cluster.run("sbatch", "--parsable", "--open-mode=append", f"--output={self.file}",
                           *batch, f"{name}.job")
        equal(done.code, 0, "sbatch", done.output)
        self.id = done.output.strip().splitlines()[-1]

    def output(self):
        return self.file.read_text(errors="replace") if self.file.exists() else ""

    def marks(self, pattern):
        return sorted(self.folder.glob(pattern))

    def wait(self, condition, limit, what):
        return harness.wait_until(condition, limit, what, lambda: self.output() + self.state())

    def await_marks(self, pattern, number, limit=60):
        self.wait(lambda: len(self.marks(pattern)) >= number, limit, f"{number} of {pattern}")
        return [json.loads(mark.read_text() or "null") for mark in self.marks(pattern)]

    def state(self):
        return self.cluster.run("squeue", "--noheader", "--format=%T", f"--job={self.id}").output.strip()

    def await_gone(self, limit=40):
        self.wait(lambda: not self.state(), limit, "the job is gone")

    def scontrol(self, *words):
        """As an operator."""
        done = self.cluster.exec("login", "scontrol", *words)
        equal(done.code, 0, " ".join(words), done.output)

    def run_again(self, workers):
        """Slurm lets a requeued job wait for two minutes, and could not start it in the second in
        which it ended."""
        self.wait(lambda: self.state() == "PENDING", 60, "the job is pending")
        time.sleep(2)

        def runs():
            if self.state() == "PENDING":
                self.cluster.run("scontrol", "update", f"JobId={self.id}", "StartTime=now")
            return len(self.marks("runs.1.*")) == workers
        self.wait(runs, 60, f"{workers} workers run again")

    def cancel(self, *options):
        done = self.cluster.run("scancel", *options, self.id)
        equal(done.code, 0, "scancel", done.output)

    def records(self):
        """What sacct says of the job and its step: state and exit code."""
        def read():
            rows = self.cluster.run("sacct", "--noheader", "--parsable2", f"--jobs={self.id}",
                                    "--format=JobID,State,ExitCode").output.splitlines()
            found = {row.split("|")[0]: row.split("|")[1:] for row in rows if row.count("|") == 2}
            both = [found.get(each, ["PENDING"]) for each in (self.id, f"{self.id}.0")]
            return None if any(re.match("RUNNING|PENDING", each[0]) for each in both) else both
        return harness.wait_until(read, 30, "sacct knows the step's end", self.output)


def expect_all_told_once(batch, signal, number, life=0):
    """Returns the notices."""
    notices = batch.await_marks(f"{signal}.{life}.*", number)
    time.sleep(0.5)  # a second one would come now
    equal(len(batch.marks(f"{signal}.{life}.*")), number, f"{signal} marked", batch.output())
    return notices


def notice_to_all_nodes(cluster):
    batch = Batch(cluster, "all", ["-N3", "--time=5"], ["--nnodes=1:3"])
    batch.await_marks("runs.*", 6)
    batch.cancel("--signal=USR1")
    notices = expect_all_told_once(batch, "SIGUSR1", 6)
    end = int(cluster.run("env", "SLURM_TIME_FORMAT=%s", "squeue", "--noheader", "--format=%e",
                          f"--job={batch.id}").output)
    for notice in notices:
        equal((notice["event"], notice["number"], notice["deadline"]), ("notify", 1, end), "notice")
    return batch


def notice_to_one_node(cluster, batch):
    """Of the same job, on which this has no other effect."""
    for mark in batch.marks("SIGUSR1.*"):
        mark.unlink()
    keeper, _ = cluster.keeper_and_agent("n2")
    cluster.kill("n2", keeper, signal="USR1")
    expect_all_told_once(batch, "SIGUSR1", 6)
    equal(len(batch.marks("runs.*")), 6, "workers that ever began", batch.output())
    return batch


def scancel(cluster, batch):
    """Of a job that could go on with fewer nodes, and that nobody wants to go on."""
    batch.cancel()
    notices = batch.await_marks("SIGTERM.*", 6)
    batch.await_gone()
    equal({(notice["event"], round(notice["deadline"] - notice["time"])) for notice in notices},
          {("interrupt", 10)}, "notices, and the seconds left, which are KillWait", batch.output())
    output = batch.output()
    equal(count("going on|restart [0-9]|failed", output), 0, "words of going on", output)
    equal(count("was told to end by SIGTERM", output), 1, "lines that say why", output)
    job, _ = batch.records()  # what it has of the step is of before or after the agents' end
    check("CANCELLED" in job[0], "sacct: cancelled", job)
    equal(set(re.findall("Exited with exit code ([0-9]+)", output)), {"143"}, "codes", output)


def scancel_of_workers_that_do_not_listen(cluster):
    """Slurm signals them itself, and some die before their agents hear of it."""
    batch = Batch(cluster, "deaf", ["-N3"], ["--max-restarts=3"], worker="./deaf.sh")
    batch.await_marks("runs.*", 6)
    batch.cancel()
    batch.await_gone()
    output = batch.output()
    equal(count("failed|restarting", output), 0, "words of a failure", output)
    equal(set(re.findall("Exited with exit code ([0-9]+)", output)), {"143"}, "codes", output)


def failure(cluster):
    """The code of a worker on the second node is the step's and the job's, with and without -K."""
    for options in ([], ["--kill-on-bad-exit=1"]):
        batch = Batch(cluster, "failure", ["-N3"], options, worker="./fails.sh")
        batch.await_gone()
        job, step = batch.records()
        equal((job, step[1]), (["FAILED", "37:0"], "37:0"), "sacct", batch.output())
        equal(count("Root Cause", batch.output()), 1, "reports", batch.output())


def kill(cluster):
    """Slurm kills agents and workers at one instant; their folders go all the same, and logs stay."""
    for options, left in (([], 0), (["--redirects=3"], 3)):
        batch = Batch(cluster, "killed", ["-N3"], options, worker="./deaf.sh")
        batch.await_marks("runs.*", 6)
        batch.cancel("--signal=KILL")
        batch.await_gone()
        found = [cluster.exec(node, "find", "/tmp", "-maxdepth", "1", "-name", "torchelastic*").output
                 for node in cluster.nodes[:3]]
        equal(sum(len(each.splitlines()) for each in found), left, f"folders {found}",
              batch.output())


def suspension(cluster):
    """Longer than keep-alive allows for silence."""
    batch = Batch(cluster, "suspended", ["-N3"], ["--nnodes=1:3"])
    batch.await_marks("runs.*", 6)
    batch.scontrol("suspend", batch.id)
    batch.wait(lambda: "SUSPENDED" in batch.state(), 20, "the job is suspended")
    time.sleep(5)
    batch.scontrol("resume", batch.id)
    batch.wait(lambda: "RUNNING" in batch.state(), 20, "the job runs again")
    time.sleep(4)
    output = batch.output()
    equal(count("lost node n|round 1:", output), 0, "words of a loss", output)
    batch.cancel("--signal=USR1")
    expect_all_told_once(batch, "SIGUSR1", 6)
    batch.cancel()
    batch.await_gone()


def preemption(cluster):
    """Slurm would cancel the job. Its second life ends by scancel, which asks for no third."""
    batch = Batch(cluster, "preempted", ["-N2", "-wn1,n2", "-plow"],
                  ["--requeue-on=timeout,preempt"])
    batch.await_marks("runs.0.*", 4)
    other = cluster.run("sbatch", "-N1", "-wn1", "-phigh", "--exclusive", "--wrap=sleep 3")
    equal(other.code, 0, "sbatch", other.output)
    notices = batch.await_marks("SIGTERM.0.*", 4)
    equal({notice["event"] for notice in notices}, {"interrupt"}, "notices", batch.output())
    batch.run_again(4)
    batch.cancel()
    batch.await_gone()
    equal(batch.state(), "", "nothing is requeued", batch.output())


def node_loss(cluster):
    """Both processes of an agent are killed: to the others its node is lost."""
    batch = Batch(cluster, "loss", ["-N2", "-wn1,n2"], ["--requeue-on=node"])
    batch.await_marks("runs.0.*", 4)
    cluster.kill_keeper_and_agent("n2")
    batch.run_again(4)
    batch.cancel()
    batch.await_gone()


def no_requeue(cluster):
    """Whoever cannot have it is told so."""
    words = ["srun", "-wn1", "--requeue-on=node,preempt,timeout", "--torchelastic", "--no-python"]
    said = cluster.run(*words, "true")
    equal((said.code, said.output), (0, ""), "a step that succeeds")
    batch = Batch(cluster, "never", ["-N2", "-wn1,n2", "--no-requeue"], ["--requeue-on=node"])
    batch.await_marks("runs.0.*", 4)
    cluster.kill_keeper_and_agent("n2")
    batch.await_gone()
    equal(count("--requeue-on=node: Slurm does not requeue job", batch.output()), 1,
          "lines that say that it is not requeued", batch.output())
    said = cluster.run(*words[:2], "--requeue-on=reboot", *words[3:], "true")
    check(said.code != 0 and "'reboot' is none of preempt, timeout, node" in said.output,
          "a word that is none", said.output)


def time_limit(batch):
    """It was begun long ago, and told of its limit beforehand, by --signal."""
    notices = batch.await_marks("SIGUSR1.0.*", 2)
    batch.scontrol("update", f"JobId={batch.id}", "EndTime=now+1")
    check(all(notice["deadline"] > notice["time"] for notice in notices), "deadlines", notices)
    batch.await_marks("SIGTERM.0.*", 2, 100)
    batch.run_again(2)
    batch.cancel()
    batch.await_gone()


def test():
    options = ["--accounting", "--preempt", "cancel", "--conf", "KillWait=10"]
    with harness.Cluster(options=options) as cluster:
        cluster.script("worker.py", WORKER)
        cluster.script("deaf.sh", "#!/bin/sh\n: >$1/runs.$RANK\nexec sleep 1000\n")
        cluster.script("fails.sh", "#!/bin/sh\n[ $RANK = 3 ] && exit 37\nexec sleep 1000\n")
        # Slurm looks at limits every half a minute.
        limited = Batch(cluster, "limited", ["-N1", "-wn4", "--time=1", "--signal=USR1@60"],
                        ["--requeue-on=timeout"])
        batch = None
        for case in (notice_to_all_nodes, notice_to_one_node, scancel):
            harness.step(case.__name__.replace("_", " "))
            batch = case(cluster, batch) if batch else case(cluster)
        for case in (scancel_of_workers_that_do_not_listen, failure, kill, suspension, preemption,
                     node_loss, no_requeue):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)
        harness.step("time limit")
        time_limit(limited)
        cluster.expect_nothing_left("", 20)


harness.main(__doc__, test, 400)
