#!/usr/bin/env python3
"""The exception that ends a Python worker, recorded as torchrun's users do it, is told in the
report, with its traceback."""

import harness
from harness import check, count, equal

PROGRAM = """
    import os
    import time
    from torch.distributed.elastic.multiprocessing.errors import record

    @record
    def main():
        if os.environ["RANK"] == "1":
            raise ValueError("no data on rank " + os.environ["RANK"])
        time.sleep(1000)

    main()
"""


def test():
    with harness.Cluster(gpus="0,0") as cluster:
        cluster.script("program.py", PROGRAM)
        job = cluster.run("srun", "-N2", "--torchelastic", "--log-dir=logs", "program.py",
                          python=cluster.python(), limit=120)
        equal(job.code, 1, "exit code", job.output)
        report = job.output.partition("Root Cause")[2]
        equal(count(r"rank +: 1 \(local_rank: 0\)", report), 1, "the rank in the report",
              job.output)
        check(count(r"^ +ValueError: no data on rank 1$", report) == 1,
              "the exception in the report", job.output)
        check(count(r'program.py", line \d+, in main', report) == 1,
              "the traceback in the report", job.output)
        check(count(r"error_file: /.*error.json$", report) == 1, "the error file's path",
              job.output)
        cluster.expect_nothing_left(job.output)


harness.main(__doc__, test)
