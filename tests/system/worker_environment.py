#!/usr/bin/env python3
"""Every worker finds torchrun's environment, the same story on every node, and nothing of the
launcher's own business."""

import harness
from harness import check, equal

NODES = [("n1", 2), ("n2", 2), ("n3", 4), ("n4", 4)]
SAME_FOR_ALL = {
    "WORLD_SIZE": "12",
    "GROUP_WORLD_SIZE": "4",
    "ROLE_NAME": "trainer",
    "ROLE_WORLD_SIZE": "12",
    "MASTER_ADDR": "10.77.0.1",
    "TORCHELASTIC_RESTART_COUNT": "0",
    "TORCHELASTIC_MAX_RESTARTS": "2",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "TORCH_NCCL_ASYNC_ERROR_HANDLING": "1",
    "NCCL_ASYNC_ERROR_HANDLING": "1",
    "OMP_NUM_THREADS": "1",
    "MINE": "a b",  # the user's own variables arrive
}
PRIVATE = ("PET_", "TORCHELASTIC_STEP_", "TORCHELASTIC_TOKEN", "PMIX_", "PMI_", "PMI2_")

WORKER = """
    #!/bin/sh
    # Written under another name first: the test reads whole files only.
    env -0 >"$1/.$RANK" && mv "$1/.$RANK" "$1/$RANK"
    test -d "${TORCHELASTIC_ERROR_FILE%/*}"  # else torch could not write its error file
"""


def read(folder):
    workers = {}
    for path in folder.iterdir():
        pairs = [each.partition("=") for each in path.read_text().split("\0") if each]
        workers[int(path.name)] = {name: value for name, _, value in pairs}
    return workers


def check_contract(workers, output):
    equal(sorted(workers), list(range(12)), "ranks", output)
    rank = 0
    for index, (node, local_world) in enumerate(NODES):
        for local_rank in range(local_world):
            own = {"RANK": str(rank), "LOCAL_RANK": str(local_rank), "ROLE_RANK": str(rank),
                   "LOCAL_WORLD_SIZE": str(local_world), "GROUP_RANK": str(index),
                   "SLURMD_NODENAME": node}
            for name, value in {**SAME_FOR_ALL, **own}.items():
                equal(workers[rank].get(name), value, f"{name} of rank {rank}", output)
            rank += 1
    for name in ("MASTER_PORT", "TORCHELASTIC_RUN_ID"):
        equal(len({each.get(name) for each in workers.values()}), 1, f"values of {name}", output)
    first = workers[0]
    check(0 < int(first["MASTER_PORT"]) < 65536, f"a port: {first['MASTER_PORT']}", output)
    equal(first["TORCHELASTIC_RUN_ID"], f"{first['SLURM_JOB_ID']}.{first['SLURM_STEPID']}.0",
          "run id", output)
    files = {(each["SLURMD_NODENAME"], each["TORCHELASTIC_ERROR_FILE"])
             for each in workers.values()}
    equal(len(files), 12, "error files", output)
    # torchrun promises none of it, and workers that find it take it for a plain Slurm task's.
    check("NODE_RANK" not in first, "no NODE_RANK", output)


def check_nothing_private(workers, output):
    for rank, variables in workers.items():
        leaked = [name for name in variables
                  if name.startswith(PRIVATE) or "SPANK_OPTION_torchelastic" in name]
        equal(leaked, [], f"private variables of rank {rank}", output)


def test():
    with harness.Cluster() as cluster:
        cluster.script("worker.sh", WORKER)
        options = ["--torchelastic", "--nproc-per-node=gpu", "--max-restarts=2", "--no-python"]

        harness.step("by srun, with options from the environment, too")
        folder = cluster.folder("by-srun")
        job = cluster.run("srun", "-N4", "--gpus=12", *options, "./worker.sh", folder,
                          MINE="a b", PET_ROLE="trainer", PMIX_RANK="7", PMI_RANK="7")
        equal(job.code, 0, "exit code", job.output)
        workers = read(folder)
        check_contract(workers, job.output)
        check_nothing_private(workers, job.output)

        harness.step("by sbatch, which hands options on in the job's environment")
        folder = cluster.folder("by-sbatch")
        cluster.script("job.sh", f"""
            #!/bin/sh
            srun ./worker.sh {folder}
        """)
        job = cluster.run("sbatch", "--wait", "--output=job.out", "-N4", "--gpus=12", *options,
                          "--role=trainer", "job.sh", MINE="a b")
        output = job.output + cluster.run("cat", "job.out").output
        equal(job.code, 0, "exit code", output)
        workers = read(folder)
        check_contract(workers, output)
        check_nothing_private(workers, output)
        cluster.expect_nothing_left(output)


harness.main(__doc__, test)
