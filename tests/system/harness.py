"""What the system tests share: a cluster of one's own, jobs on it that are watched while they run,
and a promise kept or broken. Standard library only; Debian 12's python3 is enough.

Every test is one program: `harness.main(__doc__, test, limit)`. Whatever happens to it, its cluster
goes: at its end, after a failure, Ctrl-C or SIGTERM, after `limit` seconds, and even when it
is killed.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CLUSTER = REPOSITORY / "contrib/slurm/cluster"
TRAIN = REPOSITORY / "contrib/slurm/examples/train.py"


class Failure(Exception):
    """The promise is broken."""


class Told(BaseException):
    """Someone wants this test to end."""


def check(condition, what, output=""):
    """`what` says what was expected; `output` is shown if it is not so."""
    if not condition:
        shown = textwrap.indent(str(output), "    ")
        raise Failure(f"{what}\n  output:\n{shown}" if shown else what)


def equal(seen, expected, what, output=""):
    check(seen == expected, f"{what}: expected {expected!r}, but it is {seen!r}", output)


def wait_until(condition, limit, what, output=lambda: ""):
    """Polls until `condition()` is true, and returns what it returned."""
    deadline = time.monotonic() + limit
    while not (result := condition()):
        if time.monotonic() > deadline:
            check(False, f"{what}: not so after {limit} s", output())
        time.sleep(0.02)
    return result


def skip(why):
    print(f"\nSKIPPED, NOTHING WAS TESTED: {why}\n", file=sys.stderr, flush=True)
    sys.exit(77)


def need_cluster():
    if os.geteuid() != 0:
        skip("not root: contrib/slurm/cluster needs root")
    for program in ("slurmctld", "slurmd", "srun", "munged"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            skip(f"no {program} on this machine: run contrib/slurm/install-deps.sh cluster")


def python_with_torch(run=()):
    """The python3 that workers are to have: the first on PATH that can import torch."""
    for each in dict.fromkeys((shutil.which("python3"), "/usr/bin/python3")):
        if each and subprocess.run([*run, each, "-c", "import torch"], check=False,
                                   capture_output=True).returncode == 0:
            return each
    return skip("no python3 on PATH and no /usr/bin/python3 that can import torch")


def count(pattern, text):
    return len(re.findall(pattern, text, re.MULTILINE))


def step(words):
    """Says what is about to be tried, so that a log tells how far a test came, and when."""
    print(f"-- {words}", flush=True)


# --- programs that run ---------------------------------------------------------------------------

@dataclasses.dataclass
class Outcome:
    code: int
    output: str  # stdout and stderr together
    ended: float  # seconds since the epoch


class Job:
    """A program that runs, in a session of its own; its output can be read meanwhile."""

    def __init__(self, argv, **options):
        self.argv = [os.fsdecode(each) if isinstance(each, bytes) else str(each) for each in argv]
        self._output = tempfile.TemporaryFile()
        self._process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=self._output,
                                         stderr=subprocess.STDOUT, start_new_session=True,
                                         **options)
        self.pid = self._process.pid

    def output(self):
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode(errors="replace")

    def ended(self):
        return self._process.poll() is not None

    def signal(self, number):
        self._process.send_signal(number)

    def wait(self, limit):
        try:
            code = self._process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            check(False, f"still runs after {limit} s: {' '.join(self.argv)}", self.output())
        return Outcome(code, self.output(), time.time())

    def wait_until(self, condition, limit, what):
        """Waits for something that the running job does."""
        wait_until(lambda: condition() or self.ended(), limit, what, self.output)
        check(condition(), f"the job ended, with {self._process.returncode}, before: {what}",
              self.output())

    def kill(self):
        self._process.kill()
        self._process.wait()


def expect_codes(jobs, *codes, limit=60):
    """Waits until all have ended, none with complaints of its own; returns what they said."""
    ends = [job.wait(limit) for job in jobs]
    output = "".join(end.output if end.output.endswith("\n") else end.output + "\n"
                     for end in ends if end.output)
    equal([end.code for end in ends], list(codes), "exit codes", output)
    equal(count(r"(?i)broken ?pipe|^Traceback", output), 0, "words of a broken pipe", output)
    return output


@dataclasses.dataclass
class Process:
    """A line of ps."""
    pid: int
    parent: int
    uid: int
    state: str
    name: str
    line: str

    PS = ["ps", "-eo", "pid=,ppid=,uid=,stat=,comm=,args="]

    @classmethod
    def read(cls, listing):
        for line in listing.splitlines():
            pid, parent, uid, state, name, *words = line.split(None, 5)
            yield cls(int(pid), int(parent), int(uid), state, name, " ".join(words))


# --- a cluster -----------------------------------------------------------------------------------

class Cluster:
    """A cluster of its own for one test: nodes n1 to n4 with 2, 2, 4 and 4 GPUs unless told.
    `options` are more of "cluster up": ["--preempt", "requeue", "--conf", "KillWait=2"]."""

    def __init__(self, gpus="2,2,4,4", options=()):
        test = pathlib.Path(sys.argv[0]).stem.replace("_", "-")
        self.name = f"{test[:20]}-{os.getpid()}"
        self._command = [str(CLUSTER), "--name", self.name]
        self._gpus = gpus
        self._options = options
        self.nodes = [f"n{i + 1}" for i in range(len(gpus.split(",")))]

    def __enter__(self):
        need_cluster()
        self._guard = self._set_guard()
        try:
            up = self.command("up", "--gpus", self._gpus, "--agent", program("bin/torchelastic"),
                            "--plugin", program("lib/torchelastic/spank_torchelastic.so"),
                            *self._options)
            equal(up.code, 0, "cluster up", up.output)
            self.home = pathlib.Path(self.run("sh", "-c", "echo $HOME").output.strip())
        except BaseException:
            self.__exit__()
            raise
        self._owner = self.home.stat().st_uid
        return self

    def __exit__(self, *_):
        global ending
        ending = True
        down = self.command("down")
        self._guard.communicate(b"it is down\n")
        if down.code != 0:
            print(f"cluster down: {down.output}", file=sys.stderr)

    def _set_guard(self):
        """A process that ends the cluster when this one is gone without a word."""
        script = 'read -r word || "$@" down'
        guard = ["setsid", "--fork", "sh", "-c", script, "guard", *self._command]
        return subprocess.Popen(guard, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def command(self, *words, limit=120):
        """A command of contrib/slurm/cluster."""
        return Job([*self._command, *words]).wait(limit)

    def start(self, *argv, python=None, **environment):
        """Runs a program on the login node as an ordinary user; returns its Job. The shared home is
        its working directory. `python`: an interpreter that workers are to find first."""
        if "USE_LIBUV" in os.environ:  # for a torch that was built without it
            environment.setdefault("USE_LIBUV", os.environ["USE_LIBUV"])
        if python:
            path = self.run("printenv", "PATH").output.strip()
            environment["PATH"] = f"{os.path.dirname(python)}:{path}"
        settings = [f"{name}={value}" for name, value in environment.items()]
        argv = ["env", *settings, *argv] if settings else argv
        return Job([*self._command, "run", *argv])

    def run(self, *argv, limit=60, **options):
        return self.start(*argv, **options).wait(limit)

    def start_on(self, node, *argv):
        """Starts a program on a node as root; returns its Job."""
        return Job([*self._command, "exec", node, *argv])

    def exec(self, node, *argv):
        """Runs a program on a node as root."""
        return self.start_on(node, *argv).wait(120)

    def kill(self, node, *pids, signal="KILL"):
        done = self.exec(node, "kill", f"-{signal}", *[str(pid) for pid in pids])
        equal(done.code, 0, f"kill -{signal} on {node}", done.output)

    def python(self):
        return python_with_torch([*self._command, "run"])

    def script(self, name, text):
        """A program in the shared home."""
        path = self.home / name
        path.write_text(textwrap.dedent(text).lstrip())
        path.chmod(0o755)

    def folder(self, name):
        """An empty folder in the shared home, for marks that workers leave."""
        path = self.home / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        os.chown(path, self._owner, self._owner)
        return path

    def processes(self, node):
        return list(Process.read(self.exec(node, *Process.PS).output))

    def of_jobs(self, node):
        """What jobs run on a node; Slurm's own and the node's first process are none of them."""
        return [each for each in self.processes(node)
                if each.uid == self._owner or
                each.name == "torchelastic" and not each.state.startswith("Z")]

    def keeper_and_agent(self, node):
        """Their pids."""
        everything = {each.pid: each for each in self.processes(node)}
        for each in everything.values():
            parent = everything.get(each.parent)
            if each.name == "torchelastic" and parent and parent.name == "torchelastic":
                return parent.pid, each.pid
        raise Failure(f"no keeper and agent on {node}: {list(everything.values())}")

    def kill_keeper_and_agent(self, node):
        """Neither does its work in between. The keeper goes last: a stopped agent that loses it is
        woken by the kernel, as its process group is orphaned."""
        keeper, agent = self.keeper_and_agent(node)
        self.kill(node, keeper, agent, signal="STOP")
        self.kill(node, agent, keeper)

    def workers(self, node):
        _, agent = self.keeper_and_agent(node)
        return [each for each in self.processes(node) if each.parent == agent]

    def left_over(self):
        return [f"{node}: {each}" for node in self.nodes for each in self.of_jobs(node)]

    def expect_nothing_left(self, output, limit=0):
        """No process of a job is on any node, `limit` seconds from now at the latest."""
        deadline = time.monotonic() + limit
        while left := self.left_over():
            check(time.monotonic() < deadline, "processes are left:\n" + "\n".join(left), output)
            time.sleep(0.02)

    def expect_no_files(self, output):
        """No temporary folder is left on any node."""
        for node in self.nodes:
            found = self.exec(node, "find", "/tmp", "-name", "torchelastic*").output
            equal(found, "", f"files left in {node}'s /tmp", output)


# --- the test itself -----------------------------------------------------------------------------

def program(path):
    """A file of the build."""
    return str(build / path)


ending = False


def told(number, _):
    if ending:
        return  # it is being tidied up already
    if number == signal.SIGALRM:
        raise Failure("the whole test takes too long")
    raise Told(128 + number)


def main(promise, test, limit=300):
    """Runs `test` and exits: 0 if the promise holds, 1 if not, 77 if it cannot be tested here."""
    parser = argparse.ArgumentParser(description=promise)
    parser.add_argument("--build-dir", type=pathlib.Path,
                        default=os.environ.get("TORCHELASTIC_BUILD_DIR", REPOSITORY / "build"))
    global build
    build = pathlib.Path(parser.parse_args().build_dir).resolve()
    if not os.access(program("bin/torchelastic"), os.X_OK):
        parser.error(f"no bin/torchelastic in {build}: build it, or name its folder")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, told)
    signal.alarm(limit)
    print(" ".join(promise.split()), flush=True)
    try:
        test()
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr, flush=True)
        sys.exit(1)
    except Told as told_by:
        sys.exit(told_by.args[0])
    print("ok")


@contextlib.contextmanager
def scratch():
    """A folder that goes."""
    with tempfile.TemporaryDirectory() as folder:
        yield pathlib.Path(folder)
