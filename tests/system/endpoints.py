#!/usr/bin/env python3
"""Several agents become one job where the user says: c10d at an endpoint, static by node ranks. They
form it however many come and in whatever order, restart together, go on without who is lost, take
in who comes, and say what is wrong."""

import random
import signal
import socket
import textwrap
import time

import alone
import harness
from harness import check, count, equal, expect_codes

MARK = ": >ran.$RANK.$TORCHELASTIC_RESTART_COUNT"
WAIT = "; while :; do sleep 0.05; done"
SUM = """
    import torch, torch.distributed as dist
    dist.init_process_group("gloo")
    x = torch.ones(1) * dist.get_rank()
    dist.all_reduce(x)
    assert x.item() == sum(range(dist.get_world_size())), x
    open(f"summed.{dist.get_rank()}", "w").close()
    dist.destroy_process_group()
"""


def free_port():
    """None of those that the kernel gives to whoever connects somewhere."""
    while True:
        port = random.randrange(20000, 30000)
        if all(can_bind(port + i) for i in range(9)):
            return port


def can_bind(port):
    with socket.socket(socket.AF_INET6) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            stranger.bind(("", port))
            stranger.listen()
        except OSError:
            return False
    return True


class Job:
    """Agents of one job, all on this machine."""

    def __init__(self, place, *options, backend="c10d", port=None, host="localhost"):
        self.place = place
        self.port = port or free_port()
        where = [f"--rdzv-backend={backend}", f"--rdzv-endpoint={host}:{self.port}"]
        self.options = [*(where if backend == "c10d" else
                          [f"--master-addr={host}", f"--master-port={self.port}"]), *options]

    def agent(self, *arguments, **options):
        return self.place.start(*self.options, *arguments, command=("run",), **options)

    def shell(self, script, *options, workers=1, **more):
        return self.agent(f"--nproc-per-node={workers}", *options, "--no-python", "sh", "-c",
                          script, **more)


def ran(place, *names):
    return lambda: all((place.folder / f"ran.{name}").exists() for name in names)


def one_agent_of_two(place):
    """As torch's test_launch_elastic: 1:2 nodes, one comes, the configuration in literal quotes."""
    job = Job(place, "--nnodes=1:2",
              "--rdzv-conf='join_timeout=5,last_call_timeout=1,timeout=5'")
    expect_codes([job.shell(MARK, workers=4)], 0)
    equal(len(list(place.folder.glob("ran.*"))), 4, "workers that ran")


def two_agents_sum(place):
    """As torch's test_launch_elastic_multiple_agents and the heterogeneous sums."""
    python = harness.python_with_torch()
    script = place.script("sum.py", SUM)
    job = Job(place, "--nnodes=2", "--rdzv-id=sum")
    expect_codes([job.agent(f"--nproc-per-node={workers}", "--role=trainer", script,
                            environment={"PYTHON_EXEC": python}) for workers in (1, 3)], 0, 0,
                 limit=120)
    equal(len(list(place.folder.glob("summed.*"))), 4, "workers that summed")


def store_of_worker_rank0(place):
    """As torchrun's agents did before they shared theirs, and as its variable still asks for."""
    python = harness.python_with_torch()
    script = place.script("sum.py", 'import os; print(os.environ["TORCHELASTIC_USE_AGENT_STORE"])\n'
                          + textwrap.dedent(SUM))
    for value, shown in (("0", "True"), ("1", "False")):
        job = Job(place, "--nnodes=2", "--rdzv-id=sum")
        agents = [job.agent(script, environment={
            "PYTHON_EXEC": python, "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": value}) for _ in range(2)]
        output = expect_codes(agents, 0, 0, limit=120)
        equal(count(f"^{shown}$", output), 2, "TORCHELASTIC_USE_AGENT_STORE", output)


def static_ranks_sum(place):
    """torch's test_launch_dist_sum_with_static_rdzv on two nodes, the second of which is first."""
    python = harness.python_with_torch()
    script = place.script("sum.py", SUM)
    job = Job(place, "--nnodes=2", backend="static")
    late = job.agent("--node-rank=1", "--nproc-per-node=2", script,
                     environment={"PYTHON_EXEC": python})
    first = job.agent("--node-rank=0", script, environment={"PYTHON_EXEC": python})
    expect_codes([first, late], 0, 0, limit=120)
    equal(len(list(place.folder.glob("summed.*"))), 3, "workers that summed")


def static_ranks_are_the_users(place):
    job = Job(place, "--nnodes=2", backend="static", host="127.0.0.1")
    script = 'echo "group $GROUP_RANK rank $RANK at $MASTER_ADDR:$MASTER_PORT"'
    agents = [job.shell(script, f"--node-rank={rank}", workers=2) for rank in (1, 0)]
    output = expect_codes(agents, 0, 0)
    for rank in range(4):
        equal(count(f"^group {rank // 2} rank {rank} at 127.0.0.1:{job.port}$", output), 1,
              f"rank {rank}", output)


def same_rank_twice(place):
    job = Job(place, "--nnodes=2", backend="static")
    first = job.shell("true", "--node-rank=0")
    second = job.shell("true", "--node-rank=1")
    expect_codes([first, second], 0, 0)
    first = job.shell(MARK + WAIT, "--node-rank=0")
    second = job.shell(MARK + WAIT, "--node-rank=1")
    first.wait_until(ran(place, "0.0", "1.0"), 20, "both nodes run")
    third = job.shell(MARK, "--node-rank=1")
    outcome = third.wait(20)
    equal(outcome.code, 1, "exit code of the third", outcome.output)
    equal(count("has --node-rank=1, as node .* has in run none", outcome.output), 1, "why",
          outcome.output)
    first.signal(signal.SIGTERM)
    expect_codes([first, second], 143, 143)


def failures_are_everyones(place):
    """One restart count, one end, one code; the report is the coordinator's. Each node's console has
    a line for each decision; under srun, where all nodes share one, only the coordinator writes."""
    script = MARK + ('; while [ ! -e ran.0.$TORCHELASTIC_RESTART_COUNT ]; do sleep 0.01; done'
                     '; [ "$RANK" = 1 ] && exit 37') + WAIT
    for step, consoles in (({}, 2), ({"SLURM_STEP_ID": "3"}, 1)):
        job = Job(place, "--nnodes=2", "--max-restarts=1")
        agents = [job.shell(script, f"--log-dir={place.folder}/l", environment=step)
                  for _ in range(2)]
        output = expect_codes(agents, 37, 37)
        for name in ("0.0", "1.0", "0.1", "1.1"):
            mark = place.folder / f"ran.{name}"
            check(mark.exists(), f"rank.attempt {name} ran", output)
            mark.unlink()
        equal(count("Root Cause", output), 1, "reports", output)
        failed = r"^W.*\] rank 1 \(.*\) failed: exit code 37; "
        equal(count(failed + r"restarting all 2 workers \(restart 1 of 1\)$", output), consoles,
              "lines of the restart", output)
        equal(count(failed + r"no restart is left \(--max-restarts=1\)", output), consoles,
              "lines of the end", output)


def killed_agent(place):
    """1:2: the survivor goes on by itself, without using up a restart."""
    job = Job(place, "--nnodes=1:2")
    first = job.shell(f'{MARK}; : >size.$WORLD_SIZE' + WAIT)
    first.wait_until(lambda: not can_bind(job.port), 10, "the first listens")
    second = job.shell(f'{MARK}; : >size.$WORLD_SIZE' + WAIT)
    first.wait_until(ran(place, "0.0", "1.0"), 20, "both run")
    second.kill()
    first.wait_until(lambda: (place.folder / "size.1").exists(), 20, "one runs alone")
    first.signal(signal.SIGTERM)
    output = expect_codes([first], 143)
    equal(count("lost node .*; going on with the other nodes, at no cost", output), 1, "why", output)


def replaced_agent(place):
    """2:2: the survivor waits for another, which gets the lost one's place."""
    job = Job(place, "--nnodes=2", "--rdzv-conf=join_timeout=30")
    script = ': >ran.$GROUP_RANK.$NAME' + WAIT
    agents = {}
    for name in ("a", "b"):
        agents[name] = job.shell(script, environment={"NAME": name})
        if name == "a":  # who comes first coordinates
            agents[name].wait_until(lambda: not can_bind(job.port), 10, "the first listens")
    agents["a"].wait_until(lambda: len(list(place.folder.glob("ran.*"))) == 2, 20, "both run")
    rank_of_b = next(place.folder.glob("ran.?.b")).name.split(".")[1]
    agents["b"].kill()
    agents["a"].wait_until(lambda: "waiting for another node" in agents["a"].output(), 10,
                           "the loss is noticed")
    newcomer = job.shell(script, environment={"NAME": "c"})
    newcomer.wait_until(lambda: (place.folder / f"ran.{rank_of_b}.c").exists(), 20,
                        "the newcomer has the lost one's rank")
    agents["a"].signal(signal.SIGTERM)
    output = expect_codes([agents["a"], newcomer], 143, 143)
    equal(count("waiting for another node, at no cost of a restart", output), 1, "why", output)


def newcomers(place):
    """A burst of them makes one new round."""
    job = Job(place, "--nnodes=1:4", "--rdzv-conf=last_call_timeout=1")
    script = ": >size.$WORLD_SIZE.$RANK" + WAIT
    first = job.shell(script)
    first.wait_until(lambda: (place.folder / "size.1.0").exists(), 20, "the first runs alone")
    others = [job.shell(script) for _ in range(3)]
    first.wait_until(lambda: len(list(place.folder.glob("size.4.*"))) == 4, 20, "four run")
    equal(len(list(place.folder.glob("size.[23].*"))), 0, "rounds between", first.output())
    first.signal(signal.SIGTERM)
    for each in others:
        each.signal(signal.SIGTERM)
    output = expect_codes([first, *others], 143, 143, 143, 143)
    equal(count("may join; forming a new round", output), 1, "new rounds", output)


def nobody_comes(place):
    began = time.monotonic()
    job = Job(place, "--nnodes=2", "--rdzv-conf=join_timeout=1")
    output = expect_codes([job.shell("true")], 1)
    equal(count(r"no word from 1 more node within 1 s \(join_timeout\)", output), 1, "why", output)
    job = Job(place, "--nnodes=2", "--rdzv-conf=join_timeout=1,is_host=0")
    output = expect_codes([job.shell("true")], 1)
    equal(count(rf"no coordinator at .*{job.port}.* within 1 s", output), 1, "why", output)
    check(time.monotonic() - began < 30, "neither waits for long")


def wrong_names(place):
    job = Job(place, "--nnodes=2", host="a" * 300)
    output = expect_codes([job.shell("true")], 1)
    equal(count("find the node where the agents meet: look up", output), 1, "why", output)
    output = expect_codes([place.start(
        "--nnodes=2", "--rdzv-backend=c10d", "--rdzv-endpoint=/tmp/meet",
        "--rdzv-conf=store_type=file", "--no-python", "true", command=("run",))], 1)
    equal(count("--rdzv-endpoint=/tmp/meet .*store_type=file has no effect", output), 1,
          "why agents do not meet in a file", output)


def strangers(place):
    """Another job, or another token, at the same endpoint is not let in, and does no harm."""
    job = Job(place, "--nnodes=2", "--rdzv-id=mine")
    token = {"TORCHELASTIC_TOKEN": "a secret"}
    first = job.shell(MARK, environment=token)
    first.wait_until(lambda: not can_bind(job.port), 10, "the first listens")
    short = "--rdzv-conf=join_timeout=1"
    other = Job(place, "--nnodes=2", "--rdzv-id=yours", port=job.port)
    expect_codes([other.shell(MARK, short, environment=token), job.shell(MARK, short)], 1, 1)
    equal(len(list(place.folder.glob("ran.*"))), 0, "nobody ran with strangers")
    expect_codes([job.shell(MARK, environment=token), first], 0, 0)
    equal(len(list(place.folder.glob("ran.*"))), 2, "both of the job ran")


alone.run_cases(__doc__, (one_agent_of_two, two_agents_sum, store_of_worker_rank0,
                          static_ranks_sum, static_ranks_are_the_users, same_rank_twice,
                          failures_are_everyones, killed_agent, replaced_agent, newcomers,
                          nobody_comes, wrong_names, strangers))
