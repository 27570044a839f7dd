#!/usr/bin/env python3
"""torchelastic-static needs nothing of the place where it runs. Started by a descriptor, as in a step,
it makes way for the full agent, unless it finds itself in another root."""

import fcntl
import os
import subprocess

import harness
from harness import check, equal

PARENT = "readlink /proc/$PPID/exe; ls /proc/$PPID/fd; tr '\\0' ' ' </proc/$PPID/cmdline"
LOWEST = 200


def ends(argv, code, **environment):
    done = subprocess.run(argv, check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, close_fds=False,
                          env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1",
                               **environment})
    equal(done.returncode, code, "exit code", done.stdout)
    return done.stdout


def needs_nothing(static):
    with open(static, "rb") as file:
        check(b"ld-linux" not in file.read(4096), "it names no loader")
    with harness.scratch() as folder:
        copy = folder / "torchelastic"
        copy.write_bytes(static.read_bytes())
        copy.chmod(0o755)
        words = ["run", "--nproc-per-node=2", "--numa-binding=node", "--no-python", "sh", "-c"]
        out = ends([copy, *words, 'echo "rank $RANK"'], 0)
        equal(sorted(out.split("\n")), ["", "rank 0", "rank 1"], "workers")
        ends([copy, *words, "exit 7"], 7)
        out = ends([copy, "run", "--nnodes=1:2", "--rdzv-backend=etcd", "--rdzv-endpoint=[::1]:1",
                    "--no-python", "true"], 1)
        check("loads no modules such as rdzv_etcd.so" in out, "why there is no etcd", out)


def makes_way(static, full):
    with open(static, "rb") as file:
        descriptor = fcntl.fcntl(file, fcntl.F_DUPFD, LOWEST)
    os.set_inheritable(descriptor, True)
    root = os.stat("/")
    own = f"{root.st_dev}:{root.st_ino}"
    argv = [f"/proc/self/fd/{descriptor}", "run", "--no-python", "sh", "-c", PARENT]

    out = ends(argv, 0, TORCHELASTIC_STEP_ROOT=own, TORCHELASTIC_STEP_AGENT=str(full))
    equal(out.split("\n")[0], str(full), "the agent where '/' is the node's own", out)
    check(str(descriptor) not in out.split("\n"), "its descriptor is closed", out)
    check(f"{full} run" in out, "its name", out)

    out = ends(argv, 0, TORCHELASTIC_STEP_ROOT="1:1", TORCHELASTIC_STEP_AGENT=str(full))
    equal(out.split("\n")[0], str(static), "the agent in another root", out)
    check(str(descriptor) not in out.split("\n"), "its descriptor is closed", out)
    check("torchelastic" in out.split("\n")[-1].split()[0], "its name", out)

    out = ends(argv, 64, TORCHELASTIC_STEP_ROOT=own, TORCHELASTIC_STEP_AGENT="/nowhere/agent")
    check("cannot run the agent /nowhere/agent: No such file" in out, "what is wrong", out)


def test():
    static = harness.build / "bin/torchelastic-static"
    needs_nothing(static)
    makes_way(static, harness.build / "bin/torchelastic")


harness.main(__doc__, test, 60)
