#!/usr/bin/env python3
"""501 nodes: each agent gets a rank of its own, all hear of one failure and get new ranks in one new
round, all are told the end, and the coordinator ends as the job did."""

import harness
import swarming
from harness import count, equal

AGENTS = 500


def test():
    with harness.scratch() as folder, swarming.job(folder, AGENTS) as job:
        harness.step("all join")
        job.heard("proven")
        job.heard("formed")
        job.all_run()
        harness.step("one fails")
        job.fail()
        job.heard("told")
        job.heard("restarted")
        job.all_run(again=" again")
        harness.step("all succeed")
        job.succeed()
        job.heard("ended")
        swarm, coordinator, output = job.wait(60)
        equal((swarm, coordinator), (0, 0), "exit codes of the swarm and the coordinator", output)
        equal(count(rf"restarting all {AGENTS + 1} workers \(restart 1 of 1\)", output), 1,
              "restarts", output)
        equal(count(r"lost node|turned away 127.*proof|refused an agent", output), 0,
              "agents in trouble", output)


if __name__ == "__main__":
    harness.main(__doc__, test, 120)
