#!/usr/bin/env python3
"""Measures how long programs take, from outside, with as little of its own as Python permits.

A module of the benchmarks; as a program, it measures where it is started, such as on a cluster's
login node: it takes a list of commands in JSON, runs one after the other, and prints a list of
[seconds, exit code]. Before each it waits until the command READY prints "idle", if one is given."""

import json
import os
import subprocess
import sys
import time


def wall(argv, environment=None):
    """Runs a program with its output discarded; returns (seconds, exit code)."""
    silence = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    begin = time.monotonic()
    pid = os.posix_spawnp(argv[0], argv, environment or os.environ, file_actions=[
        (os.POSIX_SPAWN_DUP2, silence, fd) for fd in (0, 1, 2)])
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - begin
    os.close(silence)
    return seconds, os.waitstatus_to_exitcode(status)


def until_idle(argv, limit=30):
    deadline = time.monotonic() + limit
    while subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split() != ["idle"]:
        if time.monotonic() > deadline:
            sys.exit(f"not idle after {limit} s: {' '.join(argv)}")
        time.sleep(0.02)


def main(commands, ready=None):
    results = []
    for argv in json.loads(commands):
        if ready:
            until_idle(json.loads(ready))
        results.append(wall(argv))
    print(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
