#!/usr/bin/env python3
"""Programs can see what an agent goes through: the event log, which torch's own class reads, and the
health port; and a worker that hangs within a timer of torch's is killed, said why, and restarted."""

import json
import os
import pathlib
import signal
import subprocess
import urllib.error
import urllib.request

import harness
from alone import Place
from harness import check, count, equal

STATUS = "torchelastic.worker.status."
FORMED = [STATUS + "RENDEZVOUS", STATUS + "ASSIGN_WORKER_RANKS", "torchelastic.round.formed"]
STARTED = [STATUS + "START", STATUS + "START", "torchelastic.workers.started"]
STOPPED = ["torchelastic.workers.stopping", "torchelastic.workers.stopped"]
ENDED = ["torchelastic.job.verdict", STATUS + "SUCCEEDED"]

# Rank 1 fails in the first round only.
FAILS_ONCE = "[ $RANK.$TORCHELASTIC_RESTART_COUNT != 1.0 ] || exit 7; [ $RANK = 1 ] || sleep 0.2"

# Many processes set many timers, and meet them; one ends without releasing its own. Then rank 0
# hangs, in the first round only.
HANGS_ONCE = """
import os
import time
import torch.distributed.elastic.timer as timer

timer.configure(timer.FileTimerClient(os.environ["TORCHELASTIC_TIMER_FILE"]))

def in_children(number, work):
    children = []
    for _ in range(number):
        if child := os.fork():
            children.append(child)
        else:
            work()
            os._exit(0)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * number

def meets_its_timers():
    for i in range(10):
        with timer.expires(after=60, scope="outer"), timer.expires(after=50, scope=str(i)):
            pass

def leaves_one_behind():
    block = timer.expires(after=0.5, scope="left behind")
    block.__enter__()
    os._exit(0)

in_children(10, meets_its_timers)
if os.environ["RANK"] + os.environ["TORCHELASTIC_RESTART_COUNT"] == "00":
    in_children(1, leaves_one_behind)
    with timer.expires(after=1, scope="the step"):
        time.sleep(1000)
"""


def events(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def names(found):
    return [each["name"] for each in found]


def check_a_restart(found, output):
    """The events of two workers, one of which failed once."""
    said = names(found)
    first_stop = said.index("torchelastic.workers.stopped") + 1
    head = ["torchelastic.agent.started", *FORMED, *STARTED, STATUS + "FAILED",
            "torchelastic.job.restarting"]
    equal(said[:len(head)], head, "events up to the restart", output)
    equal(said[first_stop:],
          [*FORMED, *STARTED, STATUS + "SUCCEEDED", STATUS + "SUCCEEDED", *STOPPED, *ENDED],
          "events after the restart", output)
    failed = found[len(head) - 2]["metadata"]
    equal([failed[key] for key in ("global_rank", "exit_code", "round", "agent_restarts")],
          [1, 7, 0, 0], "what is said of the failure", output)
    equal(found[-1]["metadata"]["agent_restarts"], 1, "restarts in the last event", output)
    times = [each["timestamp"] for each in found]
    equal(times, sorted(times), "times in order", output)
    check(all(0 <= (each["metadata"]["duration_ms"] or 0) < 60000 for each in found),
          "durations are milliseconds", output)


def logs_events(place):
    job = place.shell(FAILS_ONCE, "--max-restarts=1", "--event-log-handler=file:mine").wait(60)
    equal(job.code, 0, "exit code", job.output)
    found = events(place.folder / "mine")
    check_a_restart(found, job.output)
    place.expect_no_files(job.output)

    again = place.shell("exit 0", "--event-log-handler=file:mine").wait(60)
    equal(again.code, 0, "exit code", again.output)
    equal(len({each["metadata"]["run_id"] for each in events(place.folder / "mine")}), 2,
          "runs in one file", again.output)

    job = place.shell("exit 0", "--event-log-handler=file", "--log-dir=logs").wait(60)
    equal(job.code, 0, "exit code", job.output)
    found = [path for path in (place.folder / "logs").rglob("events.jsonl")]
    equal(len(found), 1, "event logs in the run's folder", job.output)
    equal(names(events(found[0]))[-2:], ENDED, "the last events", job.output)

    job = place.shell("exit 0", "--event-log-handler=console").wait(60)
    equal(count(r'^\{"name":"torchelastic\.job\.verdict","source":"AGENT"', job.output), 1,
          "verdicts on the console", job.output)

    job = place.shell("exit 3", "--event-log-handler=null").wait(60)
    check('"name"' not in job.output, "no events unless asked for", job.output)


def logs_nothing_in_vain(place):
    """Where there is no place for events one line says so, and the job goes on."""
    for where, words in (("file:/dev/full", "events are lost: .*: no space left on device"),
                         ("file:none/mine", "no event log: .*: no such file or directory")):
        job = place.shell("exit 0", f"--event-log-handler={where}").wait(60)
        equal(job.code, 0, "exit code", job.output)
        equal(count(words, job.output), 1, f"lines with '{words}'", job.output)
    job = place.shell("exit 0", "--event-log-handler=file", "--log-dir=/dev/null").wait(60)
    equal((job.code, count("no event log: .*file:PATH", job.output)), (0, 1),
          "exit code and lines without a log folder", job.output)


def is_read_by_torch(place, python):
    """torch's own class takes every line."""
    script = ("import sys; from torch.distributed.elastic.events import Event\n"
              "events = [Event.deserialize(line) for line in open(sys.argv[1])]\n"
              "print(len(events), {each.source.value for each in events} == {'AGENT', 'WORKER'})")
    path = place.folder / "mine"
    read = subprocess.run([python, "-c", script, path], capture_output=True, text=True, check=False)
    equal(read.stdout.split(), [str(len(events(path))), "True"], "events that torch has read",
          read.stdout + read.stderr)


def probe(port, path="/health"):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, None
    except OSError:
        return 0, None


def answers_probes(place):
    port = 20000 + os.getpid() % 10000
    place.environment["TORCHELASTIC_HEALTH_CHECK_PORT"] = str(port)
    job = place.shell(": >runs.$RANK; until [ -e go ]; do sleep 0.05; done; echo $"
                      "TORCHELASTIC_HEALTH_CHECK_PORT", "--max-restarts=1")
    job.wait_until(lambda: len(place.marks("runs")) == 2, 60, "the workers run")
    code, answer = probe(port)
    equal(code, 200, "code of /health", job.output())
    equal({key: answer[key] for key in ("status", "state", "round", "restart_count",
                                        "workers_running")},
          {"status": "ok", "state": "running", "round": 0, "restart_count": 0,
           "workers_running": 2}, "the answer", job.output())
    equal(probe(port, "/")[0], 200, "code of /", job.output())
    equal(probe(port, "/other")[0], 404, "code of another path", job.output())

    second = place.shell("exit 0").wait(60)
    equal((second.code, count(f"no health port: listen on port {port}: address already in use",
                              second.output)), (0, 1), "a second agent goes on", second.output)
    (place.folder / "go").touch()
    outcome = job.wait(60)
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(count(f"^{port}$", outcome.output), 2, "workers that see the variable", outcome.output)
    equal(probe(port)[0], 0, "nobody listens afterwards", outcome.output)

    place.environment["TORCHELASTIC_HEALTH_CHECK_PORT"] = "http"
    outcome = place.shell("exit 0").wait(60)
    equal((outcome.code, count("'http' is no port", outcome.output)), (0, 1),
          "nonsense for a port", outcome.output)
    del place.environment["TORCHELASTIC_HEALTH_CHECK_PORT"]


def ends_who_hangs(place, python):
    place.environment |= {"TORCHELASTIC_ENABLE_FILE_TIMER": "1", "PYTHON_EXEC": python}
    (place.folder / "hangs.py").write_text(HANGS_ONCE)
    job = place.run("--nproc-per-node=2", "--max-restarts=1", "--event-log-handler=file:timers",
                    "hangs.py")
    equal(job.code, 0, "exit code with a restart left", job.output)
    equal(count("watchdog: timer the step of pid .* expired: sends SIGKILL", job.output), 1,
          "lines that tell it", job.output)
    equal(count("watchdog: timer left behind of pid .* expired: no process of this job",
                job.output), 1, "lines of the timer of a dead process", job.output)
    said = names(events(place.folder / "timers"))
    equal([said.count(each) for each in ("timer expired", "kill worker process")], [2, 1],
          "events", job.output)
    place.expect_no_files(job.output)

    job = place.run("--nproc-per-node=2", "hangs.py")
    equal(job.code, 137, "exit code without one", job.output)
    equal(count("timer the step expired: the watchdog sent SIGKILL$", job.output), 1,
          "lines of the report that say why", job.output)
    place.expect_nothing_left(job.output)
    place.expect_no_files(job.output)


def ends_nobody_else(place):
    """What is written into the pipe can hurt neither the agent nor another process."""
    outside = subprocess.Popen(["sleep", "1000"])
    request = '{"version":1,"pid":%s,"scope_id":"s","expiration_time":1,"signal":9}'
    script = f"""
        pipe=$TORCHELASTIC_TIMER_FILE
        printf '%s\\n' nonsense '{request % "'$PPID'"}' '{request % outside.pid}' >"$pipe"
        head -c 100000 /dev/zero >"$pipe"
        printf '\\n%s\\n' '{request % "'$$'"}' >"$pipe"
        exec sleep 1000
    """
    named = place.folder / "pipe"
    place.environment["TORCHELASTIC_TIMER_FILE"] = str(named)
    os.mkfifo(named)  # as a dead agent has left it
    try:
        job = place.start("--no-python", "sh", "-c", script).wait(60)
        equal(job.code, 137, "exit code", job.output)
        equal(count("timer s of pid .*: no process of this job", job.output), 2,
              "processes that are left alone", job.output)
        check(outside.poll() is None, "a process of someone else lives on", job.output)
        check(not named.exists(), "the pipe is removed", job.output)
        named.write_text("precious")
        job = place.start("--no-python", "true").wait(60)
        equal((job.code, count("no worker watchdog: .*: a file of that name exists", job.output)),
              (0, 1), "a file in the way", job.output)
        equal(named.read_text(), "precious", "that file", job.output)
    finally:
        outside.kill()
        outside.wait()
        del place.environment["TORCHELASTIC_TIMER_FILE"]


def tells_workers_the_pipe(place):
    """As torchrun: its path where there is a watchdog, else what the environment says, if it does."""
    for enabled, preset, told in (("1", None, r"/watchdog_timer_\w+"), ("1", "preset", "preset"),
                                  ("0", "preset", "preset"), ("0", None, ""), (None, None, "")):
        place.environment = {name: value for name, value in place.environment.items()
                             if not name.startswith("TORCHELASTIC_") or "MARK" in name}
        if enabled:
            place.environment["TORCHELASTIC_ENABLE_FILE_TIMER"] = enabled
        if preset:
            place.environment["TORCHELASTIC_TIMER_FILE"] = str(place.folder / preset)
        job = place.shell('[ -p "$TORCHELASTIC_TIMER_FILE" ] && kind=pipe; '
                          'echo "told=$TORCHELASTIC_TIMER_FILE=$kind"').wait(60)
        kind = "pipe" if enabled == "1" else ""
        equal(count(f"^told=.*{told}={kind}$" if told else f"^told=={kind}$", job.output), 2,
              f"workers that are told, with {enabled} and {preset}", job.output)
    place.environment["TORCHELASTIC_ENABLE_FILE_TIMER"] = "1"


def leaves_no_pipe_behind(place):
    kept = "--log-dir=kept"
    for whom, number, *options in (("agent", signal.SIGKILL), ("keeper", signal.SIGKILL),
                                   ("agent", signal.SIGKILL, kept),
                                   ("keeper", signal.SIGTERM, kept)):
        place.forget()
        job = place.shell(": >runs.$RANK; exec sleep 1000", *options)
        job.wait_until(lambda: len(place.marks("runs")) == 2, 60, "the workers run")
        os.kill(place.agent_of(job.pid) if whom == "agent" else job.pid, number)
        outcome = job.wait(20)
        harness.wait_until(lambda: not list(place.temporary.iterdir()), 10,
                           f"no file is left after the {whom}'s end", lambda: outcome.output)
        place.expect_nothing_left(outcome.output, 10)


def test():
    python = harness.python_with_torch()
    with harness.scratch() as folder:
        place = Place(pathlib.Path(folder))
        cases = ((logs_events,), (logs_nothing_in_vain,), (is_read_by_torch, python),
                 (answers_probes,), (ends_who_hangs, python), (ends_nobody_else,),
                 (tells_workers_the_pipe,), (leaves_no_pipe_behind,))
        for case, *more in cases:
            harness.step(case.__name__.replace("_", " "))
            place.forget()
            case(place, *more)


harness.main(__doc__, test)
