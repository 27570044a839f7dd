#!/usr/bin/env python3
"""Steps in containers are elastic like any other, whichever plugin enters the container and when: the
image brings neither our agent nor its libraries, and has another Debian, Python and torch."""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil

import harness
from harness import check, count, equal

# Made by tests/stacks.sh. Any release but this machine's own would do.
STACKS = pathlib.Path(os.environ.get("TORCHELASTIC_STACKS", "/var/cache/torchelastic/stacks"))
SUITES = ("trixie", "forky")

# Tells what it finds. The first line proves which file system it is in.
WORKER = """
    import json, os, platform, sys
    found = {
        "release": open("/etc/debian_version").read().strip(),
        "python": platform.python_version(),
        "agent": os.readlink(f"/proc/{os.getppid()}/exe"),
        "descriptors": sorted(int(each) for each in os.listdir("/proc/self/fd")),
        "stdin": os.readlink("/proc/self/fd/0"),
        "stdout": os.readlink("/proc/self/fd/1"),
        "folder": os.getcwd(),
        "arguments": sys.argv[2:],
        "environment": dict(os.environ),
    }
    where = f"{sys.argv[1]}/{os.environ['RANK']}"
    json.dump(found, open(where + ".new", "w"))
    os.rename(where + ".new", where)
"""

TRAIN = """
    import os, runpy, torch
    words = f"torch {torch.__version__} in Debian {open('/etc/debian_version').read()}"
    os.write(1, words.encode())  # at once: others write, too
    runpy.run_path("train_copy.py", run_name="__main__")
"""

ARGUMENTS = ["two words", 'a "quote"', "$HOME", "--nproc-per-node=9", ""]


@contextlib.contextmanager
def image():
    """A root with Python and torch. stacks.sh must not change it meanwhile."""
    for suite in SUITES:
        root = STACKS / suite
        if not (root / "usr/lib/python3/dist-packages/torch").is_dir():
            continue
        with open(STACKS / f"{suite}.lock", "a", encoding="utf-8") as lock:
            harness.step(f"waiting until nothing changes {root}")
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield root
        return
    harness.skip(f"no root with torch in {STACKS}: tests/stacks.sh {SUITES[0]} makes one")


class Containers:
    """A cluster with a second plugin, whose option --test-root puts a step into a container."""

    def __init__(self, cluster, root):
        self.cluster, self.root = cluster, root
        self.state = cluster.home.parent
        self.agent = self.state / "opt/bin/torchelastic"
        self.static = self.state / "opt/bin/torchelastic-static"
        self.plugin = self.state / "opt/lib/container.so"
        shutil.copy(harness.program("tests/container_plugin.so"), self.plugin)
        self.plugin.chmod(0o755)
        self.own = (self.state / "etc/plugstack.conf").read_text()

    def order(self, last):
        """Which plugin comes last in plugstack.conf: "ours" or "theirs"."""
        lines = [self.own.strip(), f"required {self.plugin}"]
        (self.state / "etc/plugstack.conf").write_text(
            "\n".join(lines if last == "theirs" else reversed(lines)) + "\n")

    def srun(self, nodes, *words, root="", **options):
        return self.cluster.start("srun", f"-N{nodes}", f"--test-root={self.root}{root}", *words,
                                  **options)


def workers_of(containers, job, folder, ranks):
    output = harness.expect_codes([job], 0)
    equal(sorted(each.name for each in folder.iterdir()), [str(rank) for rank in range(ranks)],
          "ranks", output)
    containers.cluster.expect_nothing_left(output)
    return [json.loads((folder / str(rank)).read_text()) for rank in range(ranks)]


def a_step_in_a_container(containers):
    folder = containers.cluster.folder("found")
    job = containers.srun(
        2, "--torchelastic", "--nproc-per-node=gpu", "--gpus=4", "--numa-binding=node",
        "--log-dir=/tmp/logs", "--redirects=1", "./worker.py", folder, *ARGUMENTS, MINE="a\nb")
    release = (containers.root / "etc/debian_version").read_text().strip()
    for rank, found in enumerate(workers_of(containers, job, folder, 4)):
        whose = f"of rank {rank}"
        equal(found["release"], release, f"Debian {whose}")
        check(found["agent"].endswith("/torchelastic-static"), f"agent {whose}", found["agent"])
        equal(found["descriptors"][:3], [0, 1, 2], f"descriptors {whose}")
        equal(len(found["descriptors"]), 4, f"the agent's descriptor reaches no worker {whose}")
        equal(found["stdin"], "/dev/null", f"stdin {whose}")
        check(found["stdout"].startswith("/tmp/logs/"), f"log file {whose}", found["stdout"])
        equal(found["folder"], str(containers.cluster.home), f"folder {whose}")
        equal(found["arguments"], ARGUMENTS, f"arguments {whose}")
        variables = found["environment"]
        equal(variables["MINE"], "a\nb", f"the user's variable {whose}")
        equal(variables["IMAGE"], "of the test", f"the image's variable {whose}")
        check(variables["PATH"].startswith("/usr/local/sbin:"), f"the image's PATH {whose}")
        equal([name for name in variables if name.startswith("TORCHELASTIC_STEP")], [],
              f"the agent's own business {whose}")
    for node in containers.cluster.nodes:
        listing = containers.cluster.exec(node, "ls", "/tmp").output
        check("logs" not in listing, f"the logs are in the container, not on {node}", listing)


def the_full_agent_elsewhere(containers):
    folder = containers.cluster.folder("found")
    job = containers.cluster.start("srun", "-N2", "--torchelastic", "--nproc-per-node=1",
                                   "./worker.py", folder, PYTHON_EXEC="/usr/bin/python3")
    release = pathlib.Path("/etc/debian_version").read_text(encoding="utf-8").strip()
    for found in workers_of(containers, job, folder, 2):
        equal((found["release"], found["agent"]), (release, str(containers.agent)),
              "release and agent of a step without a container")


def a_step_that_is_not_elastic(containers):
    job = containers.srun(1, "sh", "-c", "ls -l /proc/self/fd; cat /etc/debian_version")
    output = harness.expect_codes([job], 0)
    check("torchelastic" not in output, "it has no descriptor of an agent", output)


def names_and_modules(containers):
    """The one file, brought along by the user."""
    shutil.copy(containers.static, containers.cluster.home)
    by_hand = ["./torchelastic-static", "run", "--nnodes=1:2", "--rdzv-endpoint=localhost:29471",
               "--rdzv-conf=last_call_timeout=1", "--no-python"]
    harness.expect_codes([containers.srun(1, *by_hand, "--rdzv-backend=c10d", "true")], 0)
    refused = containers.srun(1, *by_hand, "--rdzv-backend=etcd", "true").wait(30)
    equal(refused.code, 1, "exit code with a module", refused.output)
    equal(count("torchelastic-static, .* loads no modules such as rdzv_etcd.so", refused.output), 1,
          "what cannot be had, in words", refused.output)


def an_empty_image(containers):
    """Nothing is there but what the container plugin mounts: the worker is such a program, too."""
    shutil.copy(containers.static, containers.cluster.home)
    image = containers.cluster.folder("empty")
    job = containers.cluster.start("srun", "-N2", f"--test-root={image}", "--torchelastic",
                                   "--nproc-per-node=2", "--no-python", "./torchelastic-static",
                                   "--version")
    output = harness.expect_codes([job], 0)
    equal(count("this is the static agent", output), 4, "workers", output)


def entered_early(containers):
    folder = containers.cluster.folder("found")
    job = containers.srun(1, "--torchelastic", "./worker.py", folder, root=":early")
    [found] = workers_of(containers, job, folder, 1)
    check(found["agent"].endswith("/torchelastic-static"), "agent", found["agent"])


def without_proc(containers):
    ended = containers.srun(1, "--torchelastic", "--no-python", "true", root=":noproc").wait(30)
    equal(ended.code, 64, "exit code without /proc", ended.output)
    equal(count("a container needs /proc", ended.output), 1, "the reason", ended.output)


def without_the_static_agent(containers):
    hidden = containers.static.with_name("hidden")
    containers.static.rename(hidden)
    the_full_agent_elsewhere(containers)
    ended = containers.srun(1, "--torchelastic", "--no-python", "true").wait(30)
    hidden.rename(containers.static)
    equal(ended.code, 64, "exit code without a static agent", ended.output)
    equal(count(f"node n1: .* in a container.*: install {containers.static} there", ended.output), 1,
          "the reason", ended.output)


def training_and_a_crash(containers):
    cluster = containers.cluster
    shutil.copy(harness.TRAIN, cluster.home / "train_copy.py")
    # Debian's own torch 2 has no libuv.
    job = containers.srun(2, "--torchelastic", "--nproc-per-node=2", "--max-restarts=1", "./retrain.py",
                          "--epochs", "2", "--step-seconds", "0.05", "--samples", "1920", USE_LIBUV=0)
    job.wait_until((cluster.home / "checkpoint.pt").exists, 120, "there is a checkpoint")
    victim = cluster.workers("n2")[0]
    cluster.kill("n2", victim.pid)
    output = harness.expect_codes([job], 0, limit=120)
    equal(count(r"^torch 2\S* in Debian", output), 8, "eight starts, all of the image's torch", output)
    equal(count(rf"node n2, .*pid {victim.pid}\).*SIGKILL.*restart 1 of 1", output), 1,
          "the crash, as told", output)
    equal(count(r"^resumed from epoch", output), 1, "the training resumes", output)
    equal(count(r"^epoch 1 of 2: loss", output), 1, "the last epoch", output)
    cluster.expect_nothing_left(output)


def the_agent_is_killed(containers):
    cluster = containers.cluster
    job = containers.srun(2, "--torchelastic", "--nproc-per-node=2", "--no-python", "sleep", "1000")
    job.wait_until(lambda: [each.name for node in cluster.nodes for each in cluster.of_jobs(node)]
                   .count("sleep") == 4, 30, "all workers run")
    cluster.kill_keeper_and_agent("n2")
    outcome = job.wait(30)
    check(outcome.code != 0, "a lost agent is an error", outcome.output)
    cluster.expect_nothing_left(outcome.output, limit=10)


def test():
    with image() as root, harness.Cluster("2,2") as cluster:
        containers = Containers(cluster, root)
        cluster.script("worker.py", WORKER)
        cluster.script("retrain.py", TRAIN)
        cases = {
            "theirs": (a_step_in_a_container, a_step_that_is_not_elastic, names_and_modules,
                       training_and_a_crash, the_agent_is_killed),
            "ours": (a_step_in_a_container, the_full_agent_elsewhere, an_empty_image, entered_early,
                     without_proc, without_the_static_agent),
        }
        for last, each_case in cases.items():
            containers.order(last)
            for case in each_case:
                harness.step(f"{case.__name__.replace('_', ' ')}, {last} the last plugin")
                case(containers)


harness.main(__doc__, test, 200)
