#!/usr/bin/env python3
"""On one machine every end is whole: workers are told by the signal that the job was told by, have
the time that was promised, and leave nothing behind, however deep they hide it."""

import os
import re
import shutil
import signal
import sys
import time

import alone
import harness
from harness import check, count, equal

# Writes each signal into told.RANK as it comes. At the name given first it goes, if any.
WORKER = """
    import os, signal, sys, time

    def mark(name, text):
        with open(f"{name}.{os.environ['RANK']}", "a") as file:
            file.write(text + "\\n")

    def told(number, _):
        name = signal.Signals(number).name
        mark("told", name)
        if name in sys.argv[1:]:
            sys.exit(0)

    for each in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"):
        signal.signal(signal.Signals[each], told)
    mark("runs", str(os.getpid()))
    while True:
        signal.pause()
"""

# Hides a child in a session of its own and a daemon with a child, as a data loader's helpers may
# be; all ignore SIGTERM and have left their marks before the worker goes on.
HIDE = """
    mark() { : >hidden.$TORCHELASTIC_RESTART_COUNT.$RANK.$1; exec sleep 1000; }
    (
        trap '' TERM
        (mark member) &
        setsid sh -c ': >hidden.$TORCHELASTIC_RESTART_COUNT.$RANK.session; exec sleep 1000' &
        (setsid sh -c 'sleep 1000 & : >hidden.$TORCHELASTIC_RESTART_COUNT.$RANK.daemon
            exec sleep 1000' &)
    )
    until [ $(ls hidden.$TORCHELASTIC_RESTART_COUNT.$RANK.* | wc -l) = 3 ]; do sleep 0.01; done
"""
HIDDEN = 4  # processes of each worker


def start(place, *options, leave_at=(), workers=2, **more):
    """A job of WORKERs that run."""
    place.forget()
    place.script("worker.py", WORKER)
    job = place.start(f"--nproc-per-node={workers}", *options, "worker.py", *leave_at,
                      environment={"PYTHON_EXEC": sys.executable}, **more)
    job.wait_until(lambda: len(place.marks("runs")) == workers, 60, "the workers run")
    return job


def told(place, rank):
    path = place.folder / f"told.{rank}"
    return path.read_text().split() if path.exists() else []


def expect_end(place, job, code):
    """With the launcher's end all is at its end."""
    outcome = job.wait(60)
    equal(outcome.code, code, "exit code", outcome.output)
    place.expect_nothing_left(outcome.output)
    place.expect_no_files(outcome.output)
    return outcome


def each_signal_reaches_the_workers(place):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        job = start(place, leave_at=[number.name])
        job.signal(number)
        outcome = expect_end(place, job, 128 + number)
        for rank in (0, 1):
            equal(told(place, rank), [number.name], f"what rank {rank} was told", outcome.output)
        equal(count(f"told to end by {number.name}", outcome.output), 1, "lines that say why",
              outcome.output)


def user_signals_are_passed_on(place):
    job = start(place, leave_at=["SIGTERM"])
    expected = []
    for number in (signal.SIGUSR1, signal.SIGUSR2):  # one of them again at once would be an echo
        job.signal(number)
        expected.append(number.name)
        for rank in (0, 1):
            job.wait_until(lambda: told(place, rank) == expected, 20, f"rank {rank} was told")
    check(not job.ended(), "nobody died of it", job.output())
    job.signal(signal.SIGTERM)
    expect_end(place, job, 143)


def signals_that_were_chosen(place):
    """Those that ask any program to end do so, chosen or not."""
    for number, code in ((signal.SIGUSR1, 138), (signal.SIGTERM, 143), (signal.SIGINT, 130)):
        job = start(place, "--signals-to-handle=SIGTERM,SIGUSR1,BOGUS", leave_at=[number.name])
        job.signal(signal.SIGUSR2)
        for rank in (0, 1):
            job.wait_until(lambda: told(place, rank) == ["SIGUSR2"], 20, f"rank {rank} was told")
        job.signal(number)
        outcome = expect_end(place, job, code)
        for rank in (0, 1):
            equal(told(place, rank), ["SIGUSR2", number.name], f"what rank {rank} was told",
                  outcome.output)
        equal(count("--signals-to-handle: .*BOGUS$", outcome.output), 1, "lines about BOGUS",
              outcome.output)


def signals_of_nohup_are_ignored(place):
    job = start(place, leave_at=["SIGTERM"],
                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    job.signal(signal.SIGHUP)
    job.signal(signal.SIGTERM)
    outcome = expect_end(place, job, 143)
    equal(told(place, 0), ["SIGTERM"], "what rank 0 was told", outcome.output)


def deaf_workers_have_their_grace(place):
    for seconds in (0, 1):
        job = start(place, f"--shutdown-timeout={seconds}")
        begin = time.monotonic()
        job.signal(signal.SIGTERM)
        outcome = expect_end(place, job, 143)
        check(time.monotonic() - begin >= seconds, f"they had {seconds} s", outcome.output)
        if seconds:
            equal(told(place, 1), ["SIGTERM"], "what rank 1 was told", outcome.output)


def deaf_sibling_of_a_failure(place):
    """torchrun waits 30 s here, whatever --shutdown-timeout says."""
    script = """
        [ $RANK = 0 ] && { until [ -e deaf.1 ]; do sleep 0.01; done; exit 3; }
        trap ': >told.1' TERM; : >deaf.1
        while :; do sleep 1; done
    """
    begin = time.monotonic()
    outcome = expect_end(place, place.shell(script, "--shutdown-timeout=1"), 3)
    check(1 <= time.monotonic() - begin < 15, "it had its second, and not 30", outcome.output)
    check((place.folder / "told.1").exists(), "it was told", outcome.output)


def told_again_and_again(place):
    """torchrun leaves its workers behind at the third time."""
    job = start(place, "--shutdown-timeout=2", leave_at=[])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTERM):
        job.signal(number)
        job.wait_until(lambda: "SIGTERM" in told(place, 0), 20, "rank 0 was told")
    expect_end(place, job, 143)


def told_while_it_starts(place):
    """At once, as soon as there is an agent, a worker, several: whatever is there ends."""
    for processes in (0, 2, 3, 10, 40):
        job = place.shell("exec sleep 1000", workers=50)
        harness.wait_until(lambda: len(place.processes()) >= processes, 60, "it starts",
                           job.output)
        job.signal(signal.SIGTERM)
        outcome = job.wait(60)
        # At once: the program need not have begun.
        check(outcome.code in ((143, -15) if processes == 0 else (143,)), f"exit code "
              f"{outcome.code} when told after {processes} processes", outcome.output)
        place.expect_nothing_left(outcome.output)
        place.expect_no_files(outcome.output)


def hidden_processes(place):
    both = "until [ $(ls hidden.0.* | wc -l) = 6 ]; do sleep 0.01; done; "
    for how, code in (("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", 137)):
        outcome = expect_end(place, place.shell(HIDE + both + how, "--shutdown-timeout=1"), code)
        equal(len(list(place.folder.glob("hidden.0.*"))), 6, "hidden", outcome.output)
        clear(place)
    job = place.shell(HIDE + ": >runs.$RANK; exec sleep 1000", "--shutdown-timeout=1")
    job.wait_until(lambda: len(place.marks("runs")) == 2, 60, "the workers run")
    job.signal(signal.SIGTERM)
    expect_end(place, job, 143)
    clear(place)


def clear(place):
    place.forget()
    for path in place.folder.glob("hidden.*"):
        path.unlink()


def hidden_processes_of_an_attempt(place):
    """The next attempt finds none of the last one's."""
    script = HIDE + """
        [ $TORCHELASTIC_RESTART_COUNT = 2 ] || { [ $RANK = 1 ] && exit 1; exec sleep 1000; }
        : >runs.$RANK
        exec sleep 1000
    """
    job = place.shell(script, "--max-restarts=2", "--shutdown-timeout=1")
    job.wait_until(lambda: len(place.marks("runs")) == 2, 60, "the last attempt runs")
    equal(len(place.processes()), 2 + 2 * (1 + HIDDEN), "processes", str(place.processes()))
    job.signal(signal.SIGTERM)
    expect_end(place, job, 143)


def killed_without_a_word(place):
    """Nothing is left within a second."""
    for whom in ("agent", "keeper"):
        job = place.shell(HIDE + ": >runs.$RANK; exec sleep 1000", "--max-restarts=3")
        job.wait_until(lambda: len(place.marks("runs")) == 2, 60, "the workers run")
        pid = job.pid if whom == "keeper" else place.agent_of(job.pid)
        os.kill(pid, signal.SIGKILL)
        place.expect_nothing_left(job.output(), 1)
        ended = job.wait(20)
        equal(ended.code, -9 if whom == "keeper" else 137, f"exit code without {whom}")
        equal(harness.count(f"^torchelastic: the {whom}.* was killed", ended.output), 1,
              f"a word of the {whom}'s end", ended.output)
        clear(place)


def killed_both_at_once(place):
    """Neither does its work: the kernel ends the workers. What these hid nobody can find any more;
    under Slurm the step still owns it (agent_killed.py)."""
    job = place.shell(HIDE + ": >runs.$RANK; exec sleep 1000")
    job.wait_until(lambda: len(place.marks("runs")) == 2, 60, "the workers run")
    agent = place.agent_of(job.pid)
    workers = place.workers_of(job.pid).values()
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in (agent, job.pid):
            os.kill(pid, number)
    job.wait(20)
    harness.wait_until(lambda: not place.processes().keys() & {*workers, agent}, 1,
                       "the workers are gone", lambda: str(place.processes()))
    for pid in place.processes():
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(place.temporary)
    place.temporary.mkdir()
    place.expect_nothing_left("", 20)
    clear(place)


def logs_of_all_attempts(place):
    script = "echo attempt $TORCHELASTIC_RESTART_COUNT of $RANK; " \
             "[ $TORCHELASTIC_RESTART_COUNT = 2 ] || kill -KILL $$"
    job = place.shell(script, "--max-restarts=2", "--log-dir=logs", "--redirects=1",
                      "--rdzv-id=mine")
    outcome = expect_end(place, job, 0)
    found = {re.sub("^.*?/", "", str(path.relative_to(place.folder / "logs"))): path.read_text()
             for path in (place.folder / "logs").rglob("stdout.log")}
    ranks = {each[10:] for each in found}
    equal(ranks, {"0/stdout.log", "1/stdout.log"}, "files", outcome.output)
    for attempt in (0, 1, 2):
        said = [found[f"attempt_{attempt}/{rank}/stdout.log"] for rank in (0, 1)]
        # The other worker may have been stopped before it said anything.
        check(any(said), f"attempt {attempt} said something", str(found))
        for rank in (0, 1):
            check(said[rank] in (f"attempt {attempt} of {rank}\n", ""),
                  f"attempt {attempt} says its own", str(found))


alone.run_cases(__doc__, (
    each_signal_reaches_the_workers, user_signals_are_passed_on, signals_that_were_chosen,
    signals_of_nohup_are_ignored, deaf_workers_have_their_grace, deaf_sibling_of_a_failure,
    told_again_and_again, told_while_it_starts, hidden_processes, hidden_processes_of_an_attempt,
    killed_without_a_word, killed_both_at_once, logs_of_all_attempts))
