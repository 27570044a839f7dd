#!/usr/bin/env python3
"""Scripts written for torch.distributed.launch get their --local-rank in front of what is theirs,
unless --use-env says that they read the variable; and called as torchrun, the program is torchrun."""

import sys

import alone
import harness
from harness import check, equal

WORKER = """
    import os, sys
    with open("seen." + os.environ["RANK"], "w") as file:
        file.write(" ".join(sys.argv[1:]))
"""
PYTHON = {"PYTHON_EXEC": sys.executable}


def seen(place):
    return {path.suffix[1:]: path.read_text() for path in place.marks("seen")}


def start(place, *arguments, **more):
    place.forget()
    place.script("worker.py", WORKER)
    return place.run(*arguments, environment=PYTHON, **more)


def without_use_env(place):
    outcome = start(place, "--nproc_per_node=2", "worker.py", "--lr", "1", command=("launch",))
    equal(outcome.code, 0, "exit code", outcome.output)
    equal(seen(place), {"0": "--local-rank=0 --lr 1", "1": "--local-rank=1 --lr 1"}, "arguments",
          outcome.output)


def with_use_env(place):
    for spelling in ("--use-env", "--use_env"):
        outcome = start(place, spelling, "--nproc_per_node=2", "worker.py", "x", "--use-env",
                        command=("launch",))
        equal(outcome.code, 0, "exit code", outcome.output)
        equal(seen(place), {"0": "x --use-env", "1": "x --use-env"}, "arguments", outcome.output)


def programs_need_use_env(place):
    outcome = place.run("--no-python", "true", command=("launch",))
    equal(outcome.code, 2, "exit code", outcome.output)
    check("torchelastic launch: error: --no-python needs --use-env" in outcome.output, "the reason",
          outcome.output)
    equal(place.run("--use-env", "--no-python", "true", command=("launch",)).code, 0, "exit code")
    equal(start(place, "--use-env", "worker.py").code, 2, "--use-env is of launch alone")


def as_torchrun(place):
    link = place.folder / "torchrun"
    link.symlink_to(harness.program("bin/torchelastic"))
    outcome = start(place, "--nproc-per-node=2", "worker.py", "x", argv0=link, command=())
    equal((outcome.code, seen(place)), (0, {"0": "x", "1": "x"}), "the job", outcome.output)
    outcome = place.run("--bogus", argv0=link, command=())
    equal((outcome.code, outcome.output),
          (2, "usage: torchrun [option ...] training_script [argument ...]\n"
              "torchrun: error: unrecognized arguments: --bogus\n"), "the mistake")


alone.run_cases(__doc__, (without_use_env, with_use_env, programs_need_use_env, as_torchrun))
