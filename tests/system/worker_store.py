#!/usr/bin/env python3
"""Whoever serves the workers' store, real workers of the installed torch meet through it, also after a
restart: the agent, on a port that listens before they start, or worker rank 0, on one that is kept
for it until then. USE_LIBUV=0 chooses rank 0 by itself."""

import json
import os
import subprocess

import alone
import harness
from harness import check, equal

# Says what it finds before and after it meets the others; rank 1 fails once.
WORKER = """
    import errno, json, os, pathlib, socket, sys
    import torch, torch.distributed as dist

    port = int(os.environ["MASTER_PORT"])

    def listeners():
        found = set()
        for table in ("tcp", "tcp6"):
            for line in pathlib.Path("/proc/net", table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{words[9]}]")
        return found

    def listens_itself():
        own = set()
        for path in pathlib.Path("/proc/self/fd").iterdir():
            try:
                own.add(os.readlink(path))
            except OSError:
                pass
        return bool(own & listeners())

    def is_taken():
        with socket.socket(socket.AF_INET6) as stranger:
            try:
                stranger.bind(("", port))
            except OSError as error:
                return error.errno == errno.EADDRINUSE
        return False

    report = {"rank": int(os.environ["RANK"]), "port": port,
              "attempt": int(os.environ["TORCHELASTIC_RESTART_COUNT"]),
              "agent": os.environ["TORCHELASTIC_USE_AGENT_STORE"],
              "early": bool(listeners()), "taken": is_taken()}
    dist.init_process_group("gloo")
    report["itself"] = listens_itself()
    os.write(1, (json.dumps(report) + "\\n").encode())  # print() may be two writes, and mix
    x = torch.ones(1)
    dist.all_reduce(x)
    assert x.item() == dist.get_world_size(), x
    if report["rank"] == 1 and report["attempt"] == 0:
        os._exit(3)
    dist.barrier()
"""

PROBE = """
import torch.distributed as dist
try:
    dist.TCPStore("127.0.0.1", 0, None, True, wait_for_workers=False, use_libuv=True)
except TypeError:
    pass  # older than libuv
"""


def has_libuv(python):
    """Whether this torch can be a client of a store that it does not host; Debian's 2.x cannot."""
    return subprocess.run([python, "-c", PROBE], check=False, capture_output=True).returncode == 0


def start(place, *options, **environment):
    environment = {"PYTHON_EXEC": harness.python_with_torch(), "OMP_NUM_THREADS": "1",
                   **environment}
    script = place.script("worker.py", WORKER)
    return place.start("--nproc-per-node=2", "--max-restarts=1", *options, script,
                       environment=environment).wait(120)


def reports(place, *options, **environment):
    """What the ranks say, {(attempt, rank): report}, of a job in which all goes well at last."""
    job = start(place, *options, **environment)
    equal(job.code, 0, "exit code", job.output)
    said = [json.loads(line) for line in job.output.splitlines() if line.startswith("{")]
    found = {(each["attempt"], each["rank"]): each for each in said}
    equal(sorted(found), [(0, 0), (0, 1), (1, 0), (1, 1)], "who reports", job.output)
    for attempt in (0, 1):
        equal(found[attempt, 0]["port"], found[attempt, 1]["port"], "rank 1's port", job.output)
    check(found[0, 0]["port"] != found[1, 0]["port"], "each attempt has its own port", job.output)
    return found.values()


def expect_agent(found):
    for each in found:
        equal((each["agent"], each["early"], each["taken"], each["itself"]),
              ("True", True, True, False), f"the agent's store, as rank {each['rank']} sees it")


def expect_rank0(found):
    for each in found:
        equal((each["agent"], each["taken"], each["itself"]), ("False", True, each["rank"] == 0),
              f"rank 0's store, as rank {each['rank']} sees it")
        if each["rank"] == 0:
            check(not each["early"], "nobody listens before rank 0 does")


def served_by_the_agent(place):
    expect_agent(reports(place, "--worker-store=agent"))
    expect_agent(reports(place))


def refused_by_a_torch_without_libuv(place):
    job = start(place, "--worker-store=auto")
    equal(job.code, 1, "exit code", job.output)
    check("without libuv" in job.output, "torch says why", job.output)


def served_by_rank_0(place):
    libuv = {} if has_libuv(harness.python_with_torch()) else {"USE_LIBUV": "0"}
    expect_rank0(reports(place, "--worker-store=rank0", **libuv))


def chosen_by_use_libuv_0(place):
    expect_rank0(reports(place, USE_LIBUV="0"))


if __name__ == "__main__":
    clients = has_libuv(harness.python_with_torch())
    alone.run_cases(__doc__, [
        served_by_the_agent if clients else refused_by_a_torch_without_libuv,
        served_by_rank_0, chosen_by_use_libuv_0])
