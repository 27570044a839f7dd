#!/usr/bin/env python3
"""Where Open MPI's mpirun is all there is (prterun in Open MPI 5), agents meet through its PMIx by
themselves: ranks in mpirun's order of nodes, restarts, exit codes and signals as it expects them, no
endpoint, and nothing of MPI's in the workers."""

import re
import shutil
import signal
import time

import harness
from harness import check, count, equal

# The launcher's way to a node, in place of ssh.
ENTER = """
    #!/bin/sh
    node=$1
    shift
    exec nsenter -t "$(cat {state}/run/$node.pid)" --net --uts --ipc --mount --root --pid \
        setpriv --pdeathsig TERM env -C / sh -c "$*"
"""

# Starts as many workers as the node's number says.
AGENT = """
    #!/bin/sh
    node=$(hostname)
    exec torchelastic run --nproc-per-node="${{node#n}}" --no-python {home}/"$@"
"""

# Says who it is; a second argument is what the attempt ends with, on one rank.
WORKER = """
    #!/bin/sh
    echo "rank $RANK of $WORLD_SIZE on $(hostname), attempt $TORCHELASTIC_RESTART_COUNT of" \
        "$TORCHELASTIC_RUN_ID, $(env | grep -cE '^(PMIX|PMI|OMPI|ORTE|PRTE)_') variables"
    [ "$RANK" != 2 ] || [ "$TORCHELASTIC_RESTART_COUNT" -ge "${1:-0}" ] || exit 7
"""

# Waits for its end; in a round of two it comes to one.
WAITER = """
    #!/bin/sh
    : >"{home}/marks/$GROUP_WORLD_SIZE.$RANK"
    [ "$GROUP_WORLD_SIZE" = 2 ] || exec sleep 1000
"""

# Would be taken for the agent, if it had what mpirun told the agent.
MPI = r"""
    import os
    from mpi4py import MPI
    os.write(1, b"alone among %d\n" % MPI.COMM_WORLD.size)
"""


class Launcher:
    """mpirun on the login node, as root: who enters nodes has to be."""

    def __init__(self, cluster):
        self.cluster = cluster
        path = cluster.run("printenv", "PATH").output.strip()
        state = f"/var/lib/torchelastic-cluster/{cluster.name}"
        cluster.script("enter", ENTER.format(state=state))
        cluster.script("leaks", "leak:libpmix\n")  # a few bytes: no concern of ours
        network = "10.77.0.0/24"
        self._environment = [f"{name}={value}" for name, value in {
            "PATH": path, "TMPDIR": "/tmp",
            "LSAN_OPTIONS": f"suppressions={cluster.home}/leaks:print_suppressions=0",
            "OMPI_ALLOW_RUN_AS_ROOT": 1, "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": 1,
            "OMPI_MCA_plm_rsh_agent": cluster.home / "enter",
            "OMPI_MCA_oob_tcp_if_include": network, "OMPI_MCA_btl_tcp_if_include": network,
            "PRTE_ALLOW_RUN_AS_ROOT": 1, "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": 1,
            "PRTE_MCA_plm_ssh_agent": cluster.home / "enter",
            "PRTE_MCA_prte_if_include": network}.items()]
        version = cluster.exec("login", "mpirun", "--version").output
        self.is_prterun = "(Open MPI) 4" not in version

    def start(self, *words, nodes="n1,n2,n3", **environment):
        settings = [f"{name}={value}" for name, value in environment.items()]
        words = [self.cluster.home / word[2:] if str(word).startswith("./") else word
                 for word in words]
        return self.cluster.start_on("login", "env", "-C", "/", *self._environment, *settings, "mpirun",
                                     "--host", nodes, "--bind-to", "none", *words)

    def one_each(self, *words, **options):
        return self.start("--map-by", "ppr:1:node", *words, **options)

    def expect_nothing_left(self, output):
        def left():
            return [f"{node}: {each.line}" for node in self.cluster.nodes
                    for each in self.cluster.processes(node)
                    if str(self.cluster.home) in each.line or each.name == "torchelastic"]
        harness.wait_until(lambda: not left(), 10, "nothing is left on any node",
                           lambda: f"{left()}\n{output}")
        self.cluster.expect_no_files(output)


def ranks(output, attempt=0):
    """The nodes by rank of an attempt, of which every worker has said the same."""
    said = re.findall(rf"^rank (\d+) of (\d+) on (\w+), attempt {attempt} of (\S+), (\d+) variables",
                      output, re.MULTILINE)
    equal({(world, variables) for _, world, _, _, variables in said}, {(str(len(said)), "0")},
          "world sizes, and variables of MPI's", output)
    equal(len({run for *_, run, _ in said}), 1, "run ids", output)
    return " ".join(node for _, node in sorted((int(rank), node) for rank, _, node, *_ in said))


def nodes_of_different_size(cluster, launcher):
    outcome = launcher.one_each("./agent.sh", "worker.sh").wait(60)
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(ranks(outcome.output), "n1 n2 n2 n3 n3 n3", "nodes by rank", outcome.output)
    equal(count("the agents met through PMIx", outcome.output), 1, "lines about it", outcome.output)
    launcher.expect_nothing_left(outcome.output)


def asked_for(cluster, launcher):
    outcome = launcher.one_each("./agent.sh", "worker.sh", nodes="n2,n3", OMP_NUM_THREADS=1,
                                PET_RDZV_BACKEND="pmix").wait(60)
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(ranks(outcome.output), "n2 n2 n3 n3 n3", "nodes by rank", outcome.output)
    equal(count(r"torchelastic\[", outcome.output), 0, "lines of agents'", outcome.output)


def restart_and_failure(cluster, launcher):
    outcome = launcher.one_each("./agent.sh", "worker.sh", "1", PET_MAX_RESTARTS=1).wait(60)
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(ranks(outcome.output, 1), "n1 n2 n2 n3 n3 n3", "nodes by rank", outcome.output)
    outcome = launcher.one_each("./agent.sh", "worker.sh", "1").wait(60)
    equal(outcome.code, 7, "exit code", outcome.output)
    equal(count("Root Cause", outcome.output), 1, "reports", outcome.output)
    equal(count("without calling .?finalize", outcome.output), 0, "words about MPI", outcome.output)
    launcher.expect_nothing_left(outcome.output)


def more_ranks_than_nodes(cluster, launcher):
    """One agent serves a node; what else mpirun starts there leaves."""
    for nodes, started, world in (("n1:3,n2:2", 5, 2), ("n1:64", 64, 1)):
        outcome = launcher.start("-np", started, "torchelastic", "run", "--no-python",
                                 cluster.home / "worker.sh", nodes=nodes).wait(120)
        equal(outcome.code, 0, "exit code", outcome.output)
        equal(len(ranks(outcome.output).split()), world, "workers", outcome.output)
        equal(count(f"the launcher started {started} ranks on {world} node", outcome.output), 1,
              "lines about the others", outcome.output)
    launcher.expect_nothing_left(outcome.output)


def two_at_once(cluster, launcher):
    jobs = [launcher.one_each("./agent.sh", "worker.sh") for _ in range(2)]
    for outcome in [job.wait(60) for job in jobs]:
        equal(outcome.code, 0, "exit code", outcome.output)
        equal(ranks(outcome.output), "n1 n2 n2 n3 n3 n3", "nodes by rank", outcome.output)
    launcher.expect_nothing_left("")


def rank_that_never_comes(cluster, launcher):
    begin = time.monotonic()
    outcome = launcher.one_each("./laggard.sh").wait(60)
    check(time.monotonic() - begin < 20, "they give up in time", outcome.output)
    equal(outcome.code, 1, "exit code", outcome.output)
    check(count(r"no answer from PMIx within 2 s .*waiting in PMIx_Fence for the agents of all",
                outcome.output) >= 1, "what they waited for", outcome.output)
    launcher.expect_nothing_left(outcome.output)


def agent_is_lost(cluster, launcher):
    """With MIN:MAX and an mpirun that lets the others live."""
    marks = cluster.folder("marks")
    recover = (["--prtemca", "prte_abort_on_non_zero_status", "0", "--enable-recovery"]
               if launcher.is_prterun else ["--enable-recovery"])
    job = launcher.one_each(*recover, "./agent.sh", "waiter.sh", PET_NNODES="2:3")
    job.wait_until(lambda: len(list(marks.glob("3.*"))) == 6, 60, "all workers run")
    _, agent = cluster.keeper_and_agent("n2")
    cluster.kill("n2", agent)
    outcome = job.wait(60)
    equal(sorted(path.name for path in marks.glob("2.*")), [f"2.{rank}" for rank in range(4)],
          "ranks of the second round", outcome.output)
    launcher.expect_nothing_left(outcome.output)


def interrupted(cluster, launcher):
    marks = cluster.folder("marks")
    for number in (signal.SIGINT, signal.SIGTERM):
        job = launcher.one_each("./agent.sh", "waiter.sh")
        job.wait_until(lambda: len(list(marks.glob("3.*"))) == 6, 60, "all workers run")
        for mark in marks.glob("*"):
            mark.unlink()
        job.signal(number)
        outcome = job.wait(30)
        check(outcome.code != 0, "exit code", outcome.output)
        launcher.expect_nothing_left(outcome.output)


def worker_that_calls_mpi_init(cluster, launcher):
    outcome = launcher.one_each("torchelastic", "run", cluster.home / "mpi.py",
                                PYTHON_EXEC="/usr/bin/python3").wait(60)
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(count("^alone among 1$", outcome.output), 3, "workers in a world each", outcome.output)


def mpirun_in_a_worker(cluster, launcher):
    outcome = launcher.one_each("torchelastic", "run", "--no-python", "env", "OMPI_ALLOW_RUN_AS_ROOT=1",
                                "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "PRTE_ALLOW_RUN_AS_ROOT=1",
                                "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1", "mpirun", "-np", "2",
                                "--oversubscribe", "hostname").wait(60)
    equal(outcome.code, 0, "exit code", outcome.output)
    for node in ("n1", "n2", "n3"):
        equal(count(f"^{node}$", outcome.output), 2, f"ranks of {node}'s own mpirun", outcome.output)
    launcher.expect_nothing_left(outcome.output)


def test():
    if not shutil.which("mpirun"):
        harness.skip("no mpirun on this machine: run contrib/slurm/install-deps.sh test")
    with harness.Cluster(gpus="0,0,0") as cluster:
        launcher = Launcher(cluster)
        home = cluster.home
        cluster.script("agent.sh", AGENT.format(home=home))
        cluster.script("worker.sh", WORKER)
        cluster.script("waiter.sh", WAITER.format(home=home))
        cluster.script("mpi.py", MPI)
        cluster.script("laggard.sh", """
            #!/bin/sh
            [ "$PMIX_RANK" != 1 ] || exec sleep 30
            exec torchelastic run --rdzv-conf=pmix_timeout=2 --no-python true
        """)
        for case in (nodes_of_different_size, asked_for, restart_and_failure, more_ranks_than_nodes,
                     two_at_once, rank_that_never_comes, agent_is_lost, interrupted,
                     worker_that_calls_mpi_init, mpirun_in_a_worker):
            harness.step(case.__name__.replace("_", " "))
            case(cluster, launcher)


harness.main(__doc__, test)
