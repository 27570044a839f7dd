#!/usr/bin/env python3
"""Every row of the table in docs/exit-codes.md is as the real program does it: here, and what
needs a cluster in the tests that are named below."""

import os
import re
import signal

import alone
import harness
from harness import check, count, equal

# Rows that are checked elsewhere: what happened, and the test.
ELSEWHERE = {
    "the kernel killed a worker for lack of memory": "failures.py",
    "the plugin could not hand the task to the agent": "spank.sh",
}

RUNS = ": >runs.$RANK; exec sleep 1000"


def all_workers_succeeded(place):
    return [(0, place.shell("exit 0").wait(60)),
            (0, place.shell("exit $((5 * (1 - TORCHELASTIC_RESTART_COUNT)))",
                            "--max-restarts=1").wait(60))]


def help_or_the_version_was_asked_for(place):
    return [(0, place.run(each, command=["run"])) for each in ("--help", "--version")]


def a_worker_exited_with_n(place):
    """Of several exit codes, that of the first failure, whatever the others do then."""
    seen = [(code, place.shell(f"exit {code}", "--max-restarts=1").wait(60))
            for code in (1, 2, 3, 126, 127, 255)]
    script = "trap 'exit 7' TERM; [ $RANK = 1 ] && exit 5; while :; do sleep 0.01; done"
    return [*seen, (5, place.shell(script).wait(60))]


def a_worker_was_killed_by_signal_n(place):
    return [(128 + number, place.shell(f"kill -{number} $$").wait(60))
            for number in (signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1)]


def a_worker_could_not_be_started(place):
    (place.folder / "plain").write_text("exit 0\n")
    lines = [["--no-python", "./missing"], ["--no-python", "./plain"], ["missing.py"]]
    seen = [place.run("--nproc-per-node=2", "--max-restarts=3", *each) for each in lines]
    seen.append(place.run("--max-restarts=3", "plain", environment={"PYTHON_EXEC": "/no/python9"}))
    for each in seen:
        equal((count("not tried again", each.output), count(r"restart \d of 3", each.output)),
              (1, 0), "tried once", each.output)
        equal(count(r"^  exitcode  : 127 \(pid: 0\) \(never started\)$", each.output), 1,
              "lines of the report that say so", each.output)
    return [(127, each) for each in seen]


def the_agent_was_told_to_end_by_signal_n(place):
    seen = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        place.forget()
        job = place.shell("trap 'exit 0' TERM INT HUP QUIT; : >runs.$RANK; "
                          "while :; do sleep 0.01; done", "--max-restarts=3")
        job.wait_until(lambda: len(place.marks("runs")) == 2, 60, "the workers run")
        job.signal(number)
        seen.append((128 + number, job.wait(20)))
    return seen


def the_agent_was_killed_by_sigkill(place):
    job = place.shell(RUNS)
    job.wait_until(lambda: len(place.marks("runs")) == 2, 60, "the workers run")
    os.kill(place.agent_of(job.pid), signal.SIGKILL)
    return [(137, job.wait(20))]


def agent(place, index, *options):
    """One of the agents of a step of two nodes, here both this machine, as Slurm would start it."""
    step = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_STEP_ID": "0", "SLURM_STEP_NODELIST": "n[1-2]",
            "SLURM_STEP_TASKS_PER_NODE": "1(x2)", "SLURM_NODEID": str(index),
            "SLURMD_NODENAME": f"n{index + 1}", "TORCHELASTIC_STEP_ADDRESS": "127.0.0.1",
            "TORCHELASTIC_TOKEN": "c0ffee" * 8}
    return place.start("--local-addr=127.0.0.1", *options, "--no-python", "sh", "-c", RUNS,
                       command=["run"], environment=step)


def pair(place):
    jobs = [agent(place, index) for index in (0, 1)]
    jobs[0].wait_until(lambda: len(place.marks("runs")) == 2, 60, "both nodes' workers run")
    return jobs


def killed(place, victim):
    """Kills the agent of one node of two; returns the outcome of the other's."""
    jobs = pair(place)
    os.kill(place.agent_of(jobs[victim].pid), signal.SIGKILL)
    outcomes = [job.wait(20) for job in jobs]
    equal(outcomes[victim].code, 137, "exit code of the one killed", outcomes[victim].output)
    return outcomes[1 - victim]


def a_node_was_lost_and_too_few_are_left(place):
    left = killed(place, 1)
    equal(count(r"lost node n2: ", left.output), 1, "lines that say so", left.output)
    return [(1, left)]


def the_coordinators_node_was_lost_and_no_other_took_over(place):
    left = killed(place, 0)
    equal(count(r"lost the coordinator: ", left.output), 1, "lines that say so", left.output)
    return [(1, left)]


def a_node_did_not_come_in_time(place):
    left = agent(place, 0, "--rdzv-conf=join_timeout=1").wait(20)
    equal(count(r"no word from n2 within 1 s \(join_timeout\)", left.output), 1,
          "lines that say so", left.output)
    return [(1, left)]


def a_node_cannot_take_part(place):
    (place.folder / "file").write_text("")
    return [(1, place.run("--nproc-per-node=gpu", "--no-python", "true",
                          environment={"CUDA_VISIBLE_DEVICES": ""})),
            (1, place.run("--log-dir=file", "--no-python", "true"))]


def several_nodes_were_asked_for_outside_of_slurm(place):
    return [(1, place.run("--nnodes=2", "a.py", command=["run"]))]


def an_option_or_its_value_is_wrong(place):
    return [(2, place.run(*each, command=["run"])) for each in (
        [], ["--bogus", "a.py"], ["--nnodes=0", "a.py"], ["--nproc-per-node=x", "a.py"])]


CASES = [
    all_workers_succeeded, help_or_the_version_was_asked_for, a_worker_exited_with_n,
    a_worker_was_killed_by_signal_n, a_worker_could_not_be_started,
    the_agent_was_told_to_end_by_signal_n, the_agent_was_killed_by_sigkill,
    a_node_was_lost_and_too_few_are_left, the_coordinators_node_was_lost_and_no_other_took_over,
    a_node_did_not_come_in_time, a_node_cannot_take_part,
    several_nodes_were_asked_for_outside_of_slurm, an_option_or_its_value_is_wrong,
]


def table():
    """What happened, and the exit code, of every row of the document."""
    text = (harness.REPOSITORY / "docs/exit-codes.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", text, re.MULTILINE)
    check(rows, "docs/exit-codes.md has a table")
    return {what.strip(): code for code, what in rows}


def words(case):
    return case.__name__.replace("_", " ")


def test():
    documented = {re.sub(r"[^a-z0-9 ]", "", what.lower()): code for what, code in table().items()}
    equal(sorted(documented), sorted([*map(words, CASES), *ELSEWHERE]),
          "rows of docs/exit-codes.md, and cases of this test")
    for case in CASES:
        harness.step(f"{documented[words(case)]}: {words(case)}")
        with harness.scratch() as folder:
            place = alone.Place(folder)
            for code, outcome in case(place):
                equal(outcome.code, code, "exit code", outcome.output)
                expected = documented[words(case)]
                check(str(code) == expected or not expected.isdigit(),
                      f"{code} is what the document says: {expected}", outcome.output)
            place.expect_nothing_left(case.__name__, 5)


harness.main(__doc__, test)
