"""A job of very many nodes on this machine: the agent of one, which coordinates, is the real
program; all others are played by one program, tests/bench/swarm.cpp. Standard library only."""

import contextlib
import os
import resource
import socket
import subprocess

import harness

RUN = "swarm"


def allow_descriptors(number):
    """For the programs that are started from here: one for each connection, and some."""
    need = number + 1024
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < need:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, need))  # root may


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def listens(port):
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


class Job:
    """The coordinator's agent, with a worker that waits for the end, and the swarm. What happens
    one after another: proven, formed; fail(): told, restarted; succeed(): ended."""

    def __init__(self, folder, agents):
        swarm = harness.program("tests/swarm")
        harness.check(os.access(swarm, os.X_OK), f"{swarm} is built")
        allow_descriptors(agents)
        self._gate = folder / "gate"
        os.mkfifo(self._gate)
        port = free_port()
        options = ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", f"--rdzv-id={RUN}",
                   f"--nnodes={agents + 1}", "--max-restarts=1"]
        self.keeper = harness.Job(
            [harness.program("bin/torchelastic"), "run", *options, "--no-python", "cat",
             self._gate], env={**os.environ, "LOGLEVEL": "INFO"})
        self.keeper.wait_until(lambda: listens(port), 10, "the coordinator listens")
        self._swarm = subprocess.Popen([swarm, str(port), str(agents), RUN], text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def heard(self, word):
        """Seconds from the beginning, or from what was told last, until all agents came so far."""
        line = self._swarm.stdout.readline().split()
        harness.equal(line[:1], [word], "what the swarm says", self.keeper.output())
        return float(line[1])

    def all_run(self, again=""):
        """Waits until the coordinator knows it."""
        self.keeper.wait_until(lambda: f"workers run{again}" in self.keeper.output(), 60,
                               f"all workers run{again}")

    def fail(self):
        self._go_on()

    def succeed(self):
        with open(self._gate, "w", encoding="ascii"):
            self._go_on()

    def _go_on(self):
        self._swarm.stdin.write("\n")
        self._swarm.stdin.flush()

    def wait(self, limit):
        """The exit codes of the swarm and of the coordinator's agent, and what that said."""
        code = self._swarm.wait(limit)
        outcome = self.keeper.wait(limit)
        return code, outcome.code, outcome.output

    def kill(self):
        self._swarm.kill()
        self._swarm.communicate()
        if not self.keeper.ended():
            self.keeper.kill()


@contextlib.contextmanager
def job(folder, agents):
    swarm = Job(folder, agents)
    try:
        yield swarm
    finally:
        swarm.kill()
