#!/usr/bin/env python3
"""Under srun --mpi=pmix the agents meet through PMIx, with no plugin and no secret handed on: all
workers get their ranks, a killed worker restarts the job, the death of the first node's agent does
not end it, whoever is missing is not waited for for ever, and a step of the plugin's goes on
without PMIx where that fails."""

import re
import time

import harness
from harness import check, count, equal

NODES = ["n1"] * 2 + ["n2"] * 2 + ["n3"] * 4 + ["n4"] * 4

# Slurm 22.05 may lose a message of the exchange while it launches the tasks. Without direct
# connections, which the plugin switches off, it does not.
LOSS = "Munge decode failed"
CALM = {"SLURM_PMIX_DIRECT_CONN": "false"}

# libpmix leaves a few bytes behind: no concern of a build with sanitizers.
LEAKS = {"LSAN_OPTIONS": "suppressions=leaks:print_suppressions=0"}

# Marks the attempt; runs on in the first one.
WORKER = """
    #!/bin/sh
    echo "$SLURMD_NODENAME $WORLD_SIZE $TORCHELASTIC_RUN_ID $MASTER_ADDR $$" >"marks/.$RANK"
    env | grep -c '^PMIX_' >>"marks/.$RANK"
    mv "marks/.$RANK" "marks/$TORCHELASTIC_RESTART_COUNT.$RANK"
    [ "$TORCHELASTIC_RESTART_COUNT" != "$1" ] || exec sleep 1000
"""

# Goes on to the end where it is one of three.
ROUND = """
    #!/bin/sh
    : >"$1/$GROUP_WORLD_SIZE.$SLURMD_NODENAME.$RANK"
    [ "$GROUP_WORLD_SIZE" = 3 ] || exec sleep 1000
"""

# One rank never comes.
LAGGARD = """
    #!/bin/sh
    [ "$SLURM_PROCID" != "$1" ] || exec sleep 20
    exec torchelastic run --rdzv-backend=pmix --rdzv-conf="$2" --no-python true
"""


def marks(folder, attempt):
    """What the workers of an attempt wrote, by rank."""
    found = {int(path.name.split(".")[1]): path.read_text().split()
             for path in folder.glob(f"{attempt}.*")}
    return [found[rank] for rank in sorted(found)]


def check_workers(found, output):
    equal([each[0] for each in found], NODES, "nodes in the order of ranks", output)
    for place, what, expected in ((1, "world sizes", "12"), (3, "master addresses", "10.77.0.1"),
                                  (5, "PMIX_ variables", "0")):
        equal({each[place] for each in found}, {expected}, what, output)
    runs = {each[2] for each in found}
    check(len(runs) == 1 and re.fullmatch(r"\d+\.0\.0", *runs), f"run ids: {runs}", output)


def workers_get_their_ranks(cluster):
    """Whether PMIx was asked for by our option, or by srun's alone: that is said in a line."""
    for options, lines in ((["--rdzv-backend=pmix"], 0), ([], 1)):
        folder = cluster.folder("marks")
        outcome = cluster.run("srun", "--mpi=pmix", "-N4", "--gpus=12", "--torchelastic", *options,
                              "--rdzv-conf=pmix_timeout=5,join_timeout=5", "--nproc-per-node=gpu",
                              "--no-python", "./worker.sh", "none", **LEAKS)
        equal(outcome.code, 0, "exit code", outcome.output)
        check_workers(marks(folder, 0), outcome.output)
        equal(count("the agents met through PMIx", outcome.output), lines, "lines", outcome.output)
        equal(count(LOSS, outcome.output), 0, "messages that Slurm has lost", outcome.output)
    cluster.expect_nothing_left(outcome.output)


def works_without_the_plugin(cluster):
    folder = cluster.folder("marks")
    outcome = cluster.run("srun", "--mpi=pmix", "-N4", "--gpus=12", "torchelastic", "run",
                          "--nproc-per-node=gpu", "--no-python", "./worker.sh", "none", **CALM,
                          **LEAKS)
    equal(outcome.code, 0, "exit code", outcome.output)
    check_workers(marks(folder, 0), outcome.output)
    outcome = cluster.run("srun", "--mpi=pmix", "-N2", "-n5", "torchelastic", "run", "--no-python",
                          "echo", "one of a node", **CALM, **LEAKS)
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(count("^one of a node$", outcome.output), 2, "workers", outcome.output)
    equal(count("the launcher started 5 ranks on 2 nodes", outcome.output), 1, "lines about others",
          outcome.output)


def two_steps_at_once(cluster):
    folder = cluster.folder("marks")
    line = ("srun --overlap --mpi=pmix --torchelastic --rdzv-backend=pmix --no-python sh -c "
            f"': >{folder}/$0.$RANK; until [ -e {folder}/$1.3 ]; do sleep 0.02; done'")
    outcome = cluster.run("salloc", "-N4", "sh", "-c", f"{line} a b & {line} b a & wait", **LEAKS)
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(len(list(folder.iterdir())), 8, "workers of both", outcome.output)


def a_worker_may_call_mpi(cluster):
    outcome = cluster.run("srun", "--mpi=pmix", "-N2", "--torchelastic", "--nproc-per-node=2",
                          "mpi.py", PYTHON_EXEC="/usr/bin/python3", OMP_NUM_THREADS="1", **LEAKS)
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(count("^alone among 1$", outcome.output), 4, "workers in a world each", outcome.output)


def killed_worker_restarts_the_job(cluster):
    folder = cluster.folder("marks")
    job = cluster.start("srun", "--mpi=pmix", "-N4", "--gpus=12", "--torchelastic",
                        "--rdzv-backend=pmix", "--nproc-per-node=gpu", "--max-restarts=1",
                        "--no-python", "./worker.sh", "0", **CALM, **LEAKS)
    job.wait_until(lambda: len(marks(folder, 0)) == 12, 60, "all workers run")
    cluster.kill("n3", marks(folder, 0)[5][4])
    outcome = job.wait(60)
    equal(outcome.code, 0, "exit code", outcome.output)
    check_workers(marks(folder, 1), outcome.output)
    equal(count(r"rank 5 \(node n3, local rank 1, .*SIGKILL.*restart 1 of 1", outcome.output), 1,
          "restarts, as told", outcome.output)
    cluster.expect_nothing_left(outcome.output)


def another_agent_takes_over(cluster):
    folder = cluster.folder("rounds")
    job = cluster.start("srun", "--mpi=pmix", "-N4", "--torchelastic", "--rdzv-backend=pmix",
                        "--nnodes=3:4", "--no-python", "./round.sh", folder, **CALM, **LEAKS)
    job.wait_until(lambda: len(list(folder.glob("4.*"))) == 4, 60, "all workers run")
    _, agent = cluster.keeper_and_agent("n1")
    cluster.kill("n1", agent)
    outcome = job.wait(60)
    equal(outcome.code, 137, "exit code", outcome.output)
    equal(sorted(path.name for path in folder.glob("3.*")), ["3.n2.0", "3.n3.1", "3.n4.2"],
          "ranks of the second round", outcome.output)
    cluster.expect_nothing_left(outcome.output, 10)


def a_node_is_cut_off(cluster):
    folder = cluster.folder("rounds")
    job = cluster.start("srun", "--mpi=pmix", "-N4", "--torchelastic", "--nnodes=3:4", "--no-python",
                        "./round.sh", folder, **LEAKS)
    job.wait_until(lambda: len(list(folder.glob("4.*"))) == 4, 60, "all workers run")
    equal(cluster.command("cut", "n3").code, 0, "exit code of cluster cut")
    job.wait_until(lambda: len(list(folder.glob("3.*"))) == 3, 30, "the others go on")
    equal(cluster.command("heal", "n3").code, 0, "exit code of cluster heal")
    outcome = job.wait(60)
    equal(sorted(path.name for path in folder.glob("3.*")), ["3.n1.0", "3.n2.1", "3.n4.2"],
          "ranks of the second round", outcome.output)
    cluster.expect_nothing_left(outcome.output, 10)


def goes_on_without_pmix(cluster):
    """A step of the plugin's can: where there is no PMIx at all, where it fails on one node, and
    where the first node is late."""
    line = ["-N4", "--torchelastic", "--rdzv-backend=pmix", "--rdzv-conf=pmix_timeout=2",
            "--no-python", "echo", "goes on"]
    instead = "; the agents meet by what Slurm says of the step instead"
    outcome = cluster.run("srun", "--mpi=none", *line, limit=20)
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(count(f"not started under a PMIx launcher: .*{instead}", outcome.output), 1, "lines",
          outcome.output)
    equal(count("^goes on$", outcome.output), 4, "workers", outcome.output)
    outcome = cluster.run("srun", "--mpi=pmix", "--task-prolog", cluster.home / "gone.sh", *line,
                          limit=30, **LEAKS)
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(count("^goes on$", outcome.output), 4, "workers", outcome.output)
    equal(count(r"PMIx_Init: \S*UNREACH\S* .*server is gone.*\(libpmix here: .* the server's: \S+\)"
                f"{instead}", outcome.output), 1, "lines of n3's", outcome.output)
    outcome = cluster.run("srun", "--mpi=pmix", "--task-prolog", cluster.home / "slow.sh", *line,
                          limit=30, **LEAKS)
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(count("^goes on$", outcome.output), 4, "workers", outcome.output)
    equal(count("no answer from PMIx within 2 s .*waiting for the business card of the first node's "
                f"agent.*{instead}", outcome.output), 3, "lines of those who waited", outcome.output)
    cluster.expect_nothing_left(outcome.output)


def says_that_pmix_is_missing(cluster):
    """Where nothing else is left: without the plugin."""
    outcome = cluster.run("srun", "--mpi=none", "-N2", "torchelastic", "run", "--rdzv-backend=pmix",
                          "--no-python", "true", limit=20)
    equal(outcome.code, 1, "exit code", outcome.output)
    equal(count("not started under a PMIx launcher: use srun --mpi=pmix, mpirun or prterun",
                outcome.output), 2, "agents that say so", outcome.output)
    outcome = cluster.run("srun", "--mpi=pmix", "-N2", "sh", "-c",
                          "cp $(command -v torchelastic) /tmp/agent && exec /tmp/agent run "
                          "--rdzv-backend=pmix --no-python true", limit=20, **CALM, **LEAKS)
    equal(outcome.code, 1, "exit code", outcome.output)
    equal(count("there is no rdzv_pmix.so in .*/lib/torchelastic", outcome.output), 2,
          "agents that say so", outcome.output)
    cluster.expect_nothing_left(outcome.output)


def gives_up(cluster, tasks, laggard, conf, told, times):
    """Agents that wait for one that never comes end in time, and say what they waited for."""
    begin = time.monotonic()
    job = cluster.start("srun", "--mpi=pmix", *tasks, "./laggard.sh", laggard, conf, **LEAKS)
    job.wait_until(lambda: count(told, job.output()) == times, 15, "the others give up")
    check(time.monotonic() - begin < 10, "they give up in time", job.output())
    harness.wait_until(lambda: not any(each.name == "torchelastic" for node in cluster.nodes
                                       for each in cluster.of_jobs(node)), 5, "no agent is left")
    outcome = job.wait(60)
    equal(outcome.code, 1, "exit code", outcome.output)
    cluster.expect_nothing_left(outcome.output)


def does_not_wait_for_ever(cluster):
    told = r"no answer from PMIx within 2 s .*still waiting in PMIx_Fence for the agents of all"
    gives_up(cluster, ["-N4"], "2", "pmix_timeout=2", told, 3)
    gives_up(cluster, ["-N2", "-n3"], "2", "pmix_timeout=2", told, 2)


def dies_while_it_meets(cluster):
    """An agent that waits with the others."""
    job = cluster.start("srun", "--mpi=pmix", "-N4", "./laggard.sh", "0", "pmix_timeout=4", **LEAKS)
    harness.wait_until(lambda: len(cluster.of_jobs("n2")) == 2, 20, "n2's agent runs", job.output)
    time.sleep(0.5)  # it has asked PMIx, which nobody can see from outside
    cluster.kill("n2", cluster.keeper_and_agent("n2")[1])
    told = r"no answer from PMIx within 4 s .*still waiting in PMIx_Fence for the agents of all"
    job.wait_until(lambda: count(told, job.output()) == 2, 20, "the other two give up")
    outcome = job.wait(60)
    check(outcome.code != 0, "exit code", outcome.output)
    cluster.expect_nothing_left(outcome.output)


def test():
    with harness.Cluster() as cluster:
        cluster.script("worker.sh", WORKER)
        cluster.script("laggard.sh", LAGGARD)
        cluster.script("round.sh", ROUND)
        cluster.script("leaks", "leak:libpmix\n")
        cluster.script("gone.sh", """
            #!/bin/sh
            [ "$SLURMD_NODENAME" != n3 ] || for uri in $(env | sed -n 's/^\\(PMIX_SERVER_URI[^=]*\\)=.*/\\1/p')
            do echo "export $uri=pmix-server.1;tcp4://127.0.0.1:1"; done
        """)
        cluster.script("slow.sh", """
            #!/bin/sh
            [ "$SLURMD_NODENAME" != n1 ] || sleep 4
        """)
        cluster.script("mpi.py", r"""
            import os
            from mpi4py import MPI
            os.write(1, b"alone among %d\n" % MPI.COMM_WORLD.size)
        """)
        for case in (workers_get_their_ranks, works_without_the_plugin, two_steps_at_once,
                     a_worker_may_call_mpi, killed_worker_restarts_the_job, another_agent_takes_over,
                     a_node_is_cut_off, goes_on_without_pmix, says_that_pmix_is_missing,
                     does_not_wait_for_ever, dies_while_it_meets):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)


harness.main(__doc__, test)
