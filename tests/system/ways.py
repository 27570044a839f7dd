#!/usr/bin/env python3
"""However steps are started, by srun, in an salloc, on the parts of a heterogeneous job or two at
once, each has its own ranks in node order; a slow node is waited for and named; what the user has
in the environment reaches the workers; a hundred steps in one allocation leave nothing behind."""

import collections
import hashlib
import re

import harness
from harness import check, count, equal

# Says where it is, and in which step.
WHO = """
    #!/bin/sh
    echo "step ${TORCHELASTIC_RUN_ID#*.}: rank $RANK of $WORLD_SIZE on $SLURMD_NODENAME"
"""

# The same, once a step of the other name runs as well.
BOTH = """
    #!/bin/sh
    : >"$1.$RANK"
    until [ -e "$2.0" ]; do sleep 0.02; done
    echo "step $1: rank $RANK of $WORLD_SIZE on $SLURMD_NODENAME with GPUs $CUDA_VISIBLE_DEVICES"
"""

# A task prolog: n3 does not begin before it may.
SLOW = """
    #!/bin/sh
    [ "$SLURMD_NODENAME" != n3 ] || until [ -e go ]; do sleep 0.02; done
"""

# Says what its odd variables are, in one word.
READER = """
    import hashlib, os
    odd = sorted((name, value) for name, value in os.environb.items() if name.startswith(b"ODD_"))
    print(hashlib.sha1(repr(odd).encode()).hexdigest(), flush=True)
"""
ODD = {
    b"ODD_SPACES": b"  a  b  ", b"ODD_QUOTES": b"'\"`false`$(false)\\", b"ODD_EMPTY": b"",
    b"ODD_LINES": b"a\nb\n\nPATH=/nowhere\n", b"ODD_BYTES": b"\xff\xfe\x80 \xc3\xa4",
    b"ODD_EQUALS": b"a=b=c", **{b"ODD_BIG%d" % each: b"x" * 100_000 for each in range(5)},
}
ODD_WORDS = ["a b", "it's \"quoted\"", "two\nlines", "", "*", "$HOME", "--", "--nproc-per-node=7"]

# Every tenth step fails, and restarts before that.
HUNDRED = """
    for step in $(seq 100); do
        case $step in *0) program=false ;; *) program=true ;; esac
        srun --torchelastic --nproc-per-node=1 --max-restarts=1 --no-python $program
        echo "step $step: $?"
    done
"""
ELASTIC = "srun --torchelastic --no-python"


def expect_steps(output, **nodes):
    """Each step's workers are on these nodes, in the order of ranks."""
    seen = collections.defaultdict(dict)
    for step, rank, world, node in re.findall(
            r"^step (\w+)\S*: rank (\d+) of (\d+) on (\w+)", output, re.MULTILINE):
        equal(int(world), len(nodes.get("step" + step, nodes.get(step, "")).split()),
              f"world size of step {step}", output)
        seen["step" + step if step.isdigit() else step][int(rank)] = node
    equal({step: " ".join(node for _, node in sorted(ranks.items()))
           for step, ranks in seen.items()}, nodes, "nodes by rank", output)


def several_steps_in_an_salloc(cluster):
    job = cluster.run("salloc", "-N2", "--gpus-per-node=2", "sh", "-c",
                      f"{ELASTIC} --nproc-per-node=gpu ./who.sh; {ELASTIC} -N1 ./who.sh;"
                      f"srun hostname; {ELASTIC} --nproc-per-node=3 ./who.sh")
    equal(job.code, 0, "exit code", job.output)
    expect_steps(job.output, step0="n1 n1 n2 n2", step1="n1", step3="n1 n1 n1 n2 n2 n2")
    equal(count(r"^n[12]$", job.output), 2, "a plain step's lines", job.output)


def options_of_an_salloc(cluster):
    """They hold for each of its steps, which may say otherwise."""
    job = cluster.run("salloc", "-N2", "--torchelastic", "--nproc-per-node=2", "--no-python", "sh",
                      "-c", "srun ./who.sh; srun --nproc-per-node=1 ./who.sh;"
                      "srun --torchelastic=off hostname")
    expect_steps(job.output, step0="n1 n1 n2 n2", step1="n1 n2")
    equal(count(r"^n[12]$", job.output), 2, "a plain step's lines", job.output)


def parts_of_a_heterogeneous_job(cluster):
    line = f"{ELASTIC} --nproc-per-node=gpu ./who.sh"
    job = cluster.run(
        "salloc", "-N2", "--gpus-per-node=1", ":", "-N1", "--gpus-per-node=4", "sh", "-c",
        f"{line}; {line.replace('srun', 'srun --het-group=1')};"
        f"{line.replace('srun', 'srun --het-group=0,1')}")
    equal(job.code, 0, "exit code", job.output)
    expect_steps(job.output, step0="n1 n2", step1="n3 n3 n3 n3", step2="n1 n2 n3 n3 n3 n3")


def whole_nodes_without_their_gpus(cluster):
    """--exclusive gives no GPU that was not asked for; the job says so, and what to do."""
    line = ["srun", "-N4", "--exclusive", "--torchelastic", "--nproc-per-node=gpu", "--no-python"]
    job = cluster.run(*line, "./who.sh")
    equal(job.code, 1, "exit code", job.output)
    equal(count(r"--nproc-per-node=gpu: no GPU here.*Ask Slurm for some \(--gpus", job.output), 1,
          "what to do", job.output)
    job = cluster.run(*line[:2], "--gpus=12", *line[2:], "./who.sh")
    equal(job.code, 0, "exit code", job.output)
    equal(count("warning: ", job.output), 0, "warnings: all cores are there", job.output)
    expect_steps(job.output, step0="n1 n1 n2 n2 n3 n3 n3 n3 n4 n4 n4 n4")


def two_steps_at_once(cluster):
    """--exact divides the job's GPUs between its steps; --overlap gives them all to both."""
    for share, gpus in (("--exact --gpus-per-node=1", ["0", "0", "1", "1"]),
                        ("--overlap", ["0,1"] * 8)):
        lines = "".join(f"{ELASTIC} {share} --nproc-per-node=gpu ./both.sh {pair} & "
                        for pair in ("a b", "b a"))
        job = cluster.run("salloc", "-N2", "--gpus-per-node=2", "--cpus-per-task=4", "sh", "-c",
                          f"rm -f a.* b.*; {lines} wait")
        equal(job.code, 0, "exit code", job.output)
        nodes = "n1 n2" if len(gpus) == 4 else "n1 n1 n2 n2"
        expect_steps(job.output, a=nodes, b=nodes)
        equal(sorted(re.findall(r"with GPUs (\S+)", job.output)), gpus, "GPUs", job.output)


def slow_node(cluster):
    job = cluster.start("srun", "-N4", f"--task-prolog={cluster.home}/slow.sh", "--torchelastic",
                        "--no-python", "./who.sh")
    job.wait_until(lambda: "waiting for n3" in job.output(), 30, "for whom they wait")
    equal(count("^step", job.output()), 0, "workers that run without it", job.output())
    (cluster.home / "go").touch()
    outcome = job.wait(30)
    equal(outcome.code, 0, "exit code", outcome.output)
    expect_steps(outcome.output, step0="n1 n2 n3 n4")


def strange_environment(cluster):
    """Half a megabyte, and not all of it text."""
    cluster.script("reader.py", READER)
    # The harness' own command line is text, and shorter than a tenth of that.
    cluster.script("odd.py", f"""
        #!/usr/bin/python3
        import os, sys
        os.execvpe(sys.argv[1], sys.argv[1:], {{**os.environb, **{ODD!r}}})
    """)
    job = cluster.run("./odd.py", "srun", "-N2", "--torchelastic", "--nproc-per-node=2",
                      "reader.py", PYTHON_EXEC="/usr/bin/python3")
    equal(job.code, 0, "exit code", job.output)
    digest = hashlib.sha1(repr(sorted(ODD.items())).encode()).hexdigest()
    equal(count(digest, job.output), 4, "workers that have all of it", job.output)
    job = cluster.run("srun", "--torchelastic", "--no-python", "printf", "[%s]", *ODD_WORDS)
    equal(job.output, "".join(f"[{word}]" for word in ODD_WORDS), "arguments")


def slurmd_of(cluster, node):
    """How many files, threads, processes and left files there are on a node."""
    return cluster.exec(node, "sh", "-c", """
        slurmd=$(pgrep -ox slurmd)
        echo "files $(ls /proc/$slurmd/fd | wc -l) threads $(ls /proc/$slurmd/task | wc -l)" \\
            "processes $(ps -e | wc -l) left $(find /tmp /dev/shm -mindepth 1 | wc -l)"
    """).output


def hundred_steps(cluster):
    before = {node: slurmd_of(cluster, node) for node in cluster.nodes}
    job = cluster.run("salloc", "-N4", "sh", "-c", HUNDRED, limit=200)
    equal(count(r"^step \d*0: 1$", job.output), 10, "steps that failed", job.output[-2000:])
    equal(count(r"^step \d*[1-9]: 0$", job.output), 90, "steps that did not", job.output[-2000:])
    steps = cluster.run("squeue", "--noheader", "--steps").output
    equal(steps, "", "steps that are left")
    for node, figures in before.items():
        harness.wait_until(lambda: slurmd_of(cluster, node) == figures, 10,
                           f"{node} has no more than before: {figures}",
                           lambda: slurmd_of(cluster, node))
    check(not re.search(r"(?i)leak|slurmstepd", job.output), "no complaints", job.output[-2000:])


def test():
    with harness.Cluster() as cluster:
        for name, text in (("who.sh", WHO), ("both.sh", BOTH), ("slow.sh", SLOW)):
            cluster.script(name, text)
        for case in (several_steps_in_an_salloc, options_of_an_salloc,
                     parts_of_a_heterogeneous_job, whole_nodes_without_their_gpus,
                     two_steps_at_once, slow_node, strange_environment, hundred_steps):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)
            cluster.expect_nothing_left("", 10)


harness.main(__doc__, test)
