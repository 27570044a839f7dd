#!/usr/bin/env python3
"""Whatever way a step gets its nodes, it has one agent on each, ranks follow Slurm's order of
nodes, and what a batch script wants for its own tasks, or hides a part of a node, does no silent
harm."""

import re

import harness
from harness import check, count, equal

WHO = """
    #!/bin/sh
    echo "$SLURM_STEPID: rank $RANK of $WORLD_SIZE on $SLURMD_NODENAME, node $SLURM_NODEID"
"""
ELASTIC = "srun --torchelastic --no-python"


def expect_ranks(output, *steps):
    """Of each step the nodes in the order of ranks, which is Slurm's order of nodes."""
    seen = {}
    for step, rank, world, node, index in re.findall(
            r"^(\d+): rank (\d+) of (\d+) on (\w+), node (\d+)", output, re.M):
        seen.setdefault(int(step), {})[int(rank)] = (node, int(index), int(world))
    for step, nodes in enumerate(steps):
        ranks = [each for _, each in sorted(seen.get(step, {}).items())]
        equal(" ".join(node for node, _, _ in ranks), nodes, f"nodes of step {step}", output)
        equal({world for _, _, world in ranks}, {len(ranks)}, f"world of step {step}", output)
        indices = [index for _, index, _ in ranks]
        equal(indices, sorted(indices), f"Slurm's order in step {step}", output)
    equal(len(seen), len(steps), "steps", output)


def chosen_nodes(cluster):
    (cluster.home / "hosts").write_text("n3\nn1\n")
    lines = [f"{ELASTIC} -N2 -w n4,n2 ./who.sh",
             f"{ELASTIC} -N2 -x n1,n3 ./who.sh",
             f"{ELASTIC} -N2 --relative=2 ./who.sh",
             f"{ELASTIC} -w n1 -N1 --nproc-per-node=2 ./who.sh",
             f"SLURM_HOSTFILE=hosts {ELASTIC} --distribution=arbitrary ./who.sh",
             f"{ELASTIC} --distribution=cyclic:fcyclic ./who.sh",
             f"SLURM_HINT=nomultithread {ELASTIC} -w n1 -N1 ./who.sh"]
    job = cluster.run("salloc", "-N4", "sh", "-c", "; ".join(lines))
    equal(job.code, 0, "exit code", job.output)
    expect_ranks(job.output, "n2 n4", "n2 n4", "n3 n4", "n1 n1", "n1 n3", "n1 n2 n3 n4", "n1")


def batch(cluster, *lines):
    (cluster.home / "job.sh").write_text("#!/bin/bash\n" + "\n".join(lines) + "\n")
    (cluster.home / "job.out").unlink(missing_ok=True)
    job = cluster.run("sbatch", "--wait", "--output=job.out", "job.sh")
    check((cluster.home / "job.out").exists(), "the script runs", job.output)
    return job.code, (cluster.home / "job.out").read_text()


def components_with_many_tasks(cluster):
    code, output = batch(
        cluster, "#SBATCH --torchelastic --nproc-per-node=gpu",
        "#SBATCH -w n1 -n2 --ntasks-per-node=2 --gpus-per-task=1", "#SBATCH hetjob",
        "#SBATCH -w n3,n4 -n8 --ntasks-per-node=4 --gpus-per-task=1 --cpus-per-task=2",
        "srun --no-python --het-group=0,1 ./who.sh",
        "srun --no-python --role=first ./who.sh : ./who.sh",
        "srun --torchelastic=off --het-group=0,1 hostname | sort | uniq -c")
    equal(code, 0, "exit code", output)
    expect_ranks(output, *["n1 n1 n3 n3 n3 n3 n4 n4 n4 n4"] * 2)
    equal(re.findall(r"^ +(\d) n(\d)$", output, re.M), [("2", "1"), ("4", "3"), ("4", "4")],
          "tasks of the srun that is not elastic", output)
    equal(count("warning: .* workers share", output), 0, "all CPUs are there", output)


def uneven_tasks(cluster):
    """Each node's agent has all GPUs that the job has there; a part of the job has to say which."""
    lines = ["#SBATCH --torchelastic --nproc-per-node=gpu --no-python",
             "#SBATCH -N2 -w n3,n4 -n4 --gpus-per-task=1"]
    code, output = batch(cluster, *lines, "srun ./who.sh")
    equal(code, 0, "exit code", output)
    expect_ranks(output, "n3 n3 n3 n4")
    equal(count("warning: ", output), 0, "warnings", output)
    code, output = batch(cluster, *lines, "srun -N1 -w n3 --gpus=3 ./who.sh")
    equal(code, 0, "exit code", output)
    expect_ranks(output, "n3 n3 n3")


def components_of_one_line(cluster):
    job = cluster.run("srun", "-w", "n3", "--torchelastic", "--no-python", "./who.sh", ":", "-N2",
                      "-w", "n1,n4", "./who.sh")
    equal(job.code, 0, "exit code", job.output)
    expect_ranks(job.output, "n3 n1 n4")


def nothing_on_the_path(cluster):
    job = cluster.run("env", "PATH=/nowhere", "/usr/bin/srun", "-N4", "--torchelastic",
                      "--no-python", f"{cluster.home}/who.sh")
    equal(job.code, 0, "exit code", job.output)
    expect_ranks(job.output, "n1 n2 n3 n4")


def copied_program(cluster):
    """Slurm names the copy only after the plugin has had its turn."""
    for bcast in ("--bcast", "--bcast=/tmp/copy", "--bcast=/tmp/"):
        job = cluster.run("srun", "-N2", bcast, "--torchelastic", "--no-python", "./who.sh")
        equal(job.code, 0, bcast, job.output)
        expect_ranks(job.output, "n1 n2")


def shares_of_a_node(cluster):
    """One line each for what is a mistake, none for what may be meant; too many tasks end."""
    four = f"{ELASTIC} --nproc-per-node=4"
    silent = [f"{four} true", f"{four} --exact -c4 true", f"{four} --gpus-per-node=2 true",
              f"{ELASTIC} --exact true", f"{ELASTIC} --nproc-per-node=2 -c2 true"]
    told = {f"{four} --exact true":
                "4 workers share 1 CPU core of the job's 8 on node n3: --exact counts",
            f"{four} -c2 true": r"4 workers share 2 CPU cores .*: --cpus-per-task \(-c\) counts",
            f"{four} --exclusive true": "srun's --exclusive, which implies --exact, counts for",
            f"{ELASTIC} --nproc-per-node=gpu --gpus-per-task=1 true":
                "--gpus-per-task counts for the agent, .* has 1 GPU: use --gpus-per-node=4"}
    ended = [f"{four} {tasks} true"
             for tasks in ("-n4", "--ntasks-per-node=4", "--ntasks-per-gpu=1", "-n 4 --overcommit")]
    marked = [f"echo case {i}; {line}; echo code $?"
              for i, line in enumerate([*silent, *told, *ended])]
    code, output = batch(cluster, "#SBATCH -w n3 --gpus=4 --cpus-per-task=8", *marked)
    equal(code, 0, "exit code", output)
    parts = re.split(r"^case \d+\n", output, flags=re.M)[1:]
    for line, part in zip([*silent, *told], parts):
        equal(count(r"^torchelastic: warning: ", part), 1 if line in told else 0, line, part)
        check(re.search(told.get(line, ""), part), line, part)
        check("code 0" in part, line, part)
    for line, part in zip(ended, parts[len(silent) + len(told):]):
        equal(count(r"4 tasks on 1 node, .* use --ntasks-per-node=1, and leave out -n", part), 1,
              line, part)
        check("code 64" in part, line, part)


def test():
    with harness.Cluster() as cluster:
        cluster.script("who.sh", WHO)
        for case in (chosen_nodes, components_with_many_tasks, uneven_tasks, components_of_one_line,
                     nothing_on_the_path, copied_program, shares_of_a_node):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)


harness.main(__doc__, test)
