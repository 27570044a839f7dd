"""Jobs whose agents run on hosts of their own, for the system tests: each agent on one, marks that
say which workers ran, and a sum of all ranks by Gloo. Standard library only, as harness.py."""

import signal

import alone
import harness
import hosts
from harness import equal, expect_codes

MARK = ': >"ran.$(uname -n).$LOCAL_RANK.$WORLD_SIZE.$TORCHELASTIC_RESTART_COUNT"'
STAY = MARK + "; exec sleep 600"
SUM = """
    import os, torch, torch.distributed as dist
    dist.init_process_group("gloo")
    attempt = os.environ["TORCHELASTIC_RESTART_COUNT"]
    x = torch.ones(1) * dist.get_rank()
    dist.all_reduce(x)
    assert x.item() == sum(range(dist.get_world_size())), x
    open(f"summed.{dist.get_rank()}.{attempt}", "w").close()
    dist.barrier()
    if int(attempt) < int(os.environ.get("FAILURES", 0)) and dist.get_rank() == 0:
        os._exit(37)
    dist.destroy_process_group()
"""
NOTICED = 15  # seconds: a host that falls silent is lost after 3 or 4
SOON = 20


class Job:
    """Agents of one job, each on a host."""

    def __init__(self, place, *options, endpoint=f"n1:{hosts.PORT}", backend="c10d"):
        self.place = place
        host, _, port = endpoint.rpartition(":")
        self.options = [*([f"--rdzv-backend={backend}", f"--rdzv-endpoint={endpoint}"]
                          if backend == "c10d" else
                          [f"--master-addr={host}", f"--master-port={port}"]), *options]

    def agent(self, host, *arguments, **options):
        return self.place.start(*self.options, *arguments, command=("run",),
                                run=host.enter(self.place.folder), **options)

    def shell(self, host, script, *options, workers=1, **more):
        return self.agent(host, f"--nproc-per-node={workers}", *options, "--no-python", "sh", "-c",
                          script, **more)

    def sum(self, host, *options, workers=1, **environment):
        script = self.place.script("sum.py", SUM)
        python = harness.python_with_torch()
        return self.agent(host, f"--nproc-per-node={workers}", *options, script,
                          environment={"PYTHON_EXEC": python, **environment})


class Running:
    """A job whose workers run, one on each host; n1's agent coordinates."""

    def __init__(self, place, there, *options, script=STAY):
        self.place = place
        self.hosts = there
        self.job = Job(place, *options)
        self.agents = {host.name: self.job.shell(host, script) for host in there}
        self.expect(len(there))

    def __getitem__(self, name):
        return self.agents[name]

    def ran(self, size, restart, names):
        return all((self.place.folder / f"ran.{name}.0.{size}.{restart}").exists()
                   for name in names)

    def expect(self, size, restart=0, names=None, limit=SOON):
        names = names or self.agents
        self["n1"].wait_until(lambda: self.ran(size, restart, names), limit,
                              f"{size} workers run, restart count {restart}")

    def forget(self):
        """What ran so far."""
        for path in self.place.folder.glob("ran.*"):
            path.unlink()

    def without(self, *names):
        return [each for each in self.agents if each not in names]

    def expect_rounds(self, number):
        """Each with a size of its own, here."""
        sizes = {path.name.split(".", 3)[3] for path in self.place.folder.glob("ran.*")}
        equal(len(sizes), number, f"rounds {sizes}", self["n1"].output())

    def worker(self, name):
        return self.place.workers_of(self[name].pid)[0]

    def agent_pid(self, name):
        return self.place.agent_of(self[name].pid)

    def end(self, *names):
        for name in names:
            self[name].signal(signal.SIGTERM)
        return expect_codes([self[name] for name in names], *[143] * len(names))


def summed(place, workers, attempts=1):
    equal(len(list(place.folder.glob("summed.*"))), workers * attempts, "workers that summed")


def on_hosts(case):
    """For alone.run_cases(): the case gets a folder for the hosts' own files as well."""
    def with_folder(place):
        with harness.scratch() as folder:
            case(place, folder)
    with_folder.__name__ = case.__name__
    return with_folder


def run_cases(promise, cases, limit):
    hosts.isolate()
    alone.run_cases(promise, [on_hosts(case) for case in cases], limit=limit)
