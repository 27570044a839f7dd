#!/usr/bin/env python3
"""What `cmake --install` makes can be moved as a whole, and works where it comes to lie: its
program, its torchrun, its modules; and it is gone when the files of its manifest are."""

import pathlib
import re
import shutil
import socket
import subprocess
import sys

import alone
import harness
from harness import check, equal, step

PROBE = """
import os, urllib.request
port = os.environ["TORCHELASTIC_HEALTH_CHECK_PORT"]
print("answer", urllib.request.urlopen(f"http://127.0.0.1:{port}/health").status)
"""


def install(folder):
    """Installs, and moves all to another place; returns that and the names of the files."""
    first, second = folder / "first", folder / "second place"
    done = harness.Job(["cmake", "--install", harness.build, "--prefix", first]).wait(60)
    equal(done.code, 0, "exit code of cmake --install", done.output)
    listed = (harness.build / "install_manifest.txt").read_text().split("\n")
    files = [pathlib.Path(line).relative_to(first) for line in listed if line]
    first.rename(second)
    return second, files


def says_what_it_is(place, program):
    told = place.run("--version", argv0=program, command=())
    equal(told.code, 0, "exit code of --version", told.output)
    lines = told.output.splitlines()
    check(re.fullmatch(r"torchelastic \d+\.\d+\.\d+", lines[0]), "the version first", told.output)
    for about in ("commit ", "build ", "worker store ", "Slurm plugin ", "PMIx module ",
                  "etcd module ", "health port ", "libraries "):
        check(any(line.split(about)[0].isspace() for line in lines[1:]), f"a line of {about}",
              told.output)


def runs_workers(place, program, *command):
    job = place.start("--nproc-per-node=2", "--no-python", "sh", "-c", "echo rank $RANK",
                      argv0=program, command=command).wait(60)
    equal(job.code, 0, f"exit code of {program}", job.output)
    equal(sorted(re.findall("^rank .$", job.output, re.MULTILINE)), ["rank 0", "rank 1"],
          "what the workers say", job.output)


def is_built(module):
    return pathlib.Path(harness.program(f"lib/torchelastic/{module}")).exists()


def finds_its_pmix_module(place, program):
    """There is no PMIx server here: libpmix itself says so, if it is there to say anything."""
    job = place.run("--rdzv-backend=pmix", "--nproc-per-node=1", "--no-python", "true",
                    argv0=program, command=("run",),
                    environment={"PMIX_NAMESPACE": "nowhere", "PMIX_RANK": "0"})
    check("PMIx_Init: " in job.output, "libpmix was called", job.output)


def finds_its_etcd_module(place, program):
    """There is no etcd here, which only the module can tell."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    job = place.run("--rdzv-backend=etcd", f"--rdzv-endpoint=127.0.0.1:{port}", "--nnodes=2",
                    "--no-python", "true", argv0=program, command=("run",))
    equal(job.code, 1, "exit code", job.output)
    check(f"127.0.0.1:{port}: no connection" in job.output, "cpp-httplib was called", job.output)


def finds_its_health_module(place, program):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    job = place.run("--no-python", sys.executable, "-c", PROBE, argv0=program, command=("run",),
                    environment={"TORCHELASTIC_HEALTH_CHECK_PORT": str(port)})
    equal(job.code, 0, "exit code", job.output)
    check("answer 200" in job.output, "the worker is answered", job.output)


def names_no_other_place(tree):
    for path in [tree / "bin/torchelastic", *tree.glob("lib/torchelastic/*.so")]:
        dynamic = subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True)
        for found in re.findall(r"R(?:UN)?PATH.*\[(.*)\]", dynamic.stdout):
            check(str(harness.build) not in found and "first" not in found,
                  f"{path.name} looks for libraries in {found}")


def expect_reading(tree):
    for path in ("share/man/man1/torchelastic.1",
                 "share/bash-completion/completions/torchelastic",
                 "share/zsh/site-functions/_torchelastic",
                 "share/doc/torchelastic/LICENSE", "share/doc/torchelastic/README.md",
                 "share/doc/torchelastic/docs/design.md",
                 "share/doc/torchelastic/examples/train.py"):
        check((tree / path).stat().st_size > 0, f"{path} is installed")


MODULES = {"rdzv_pmix.so": finds_its_pmix_module, "rdzv_etcd.so": finds_its_etcd_module,
           "health_http.so": finds_its_health_module}


def test():
    with harness.scratch() as folder:
        place = alone.Place(folder)
        step("install, and move")
        tree, files = install(folder)
        program = tree / "bin/torchelastic"
        says_what_it_is(place, program)
        runs_workers(place, program, "run")
        step("torchrun, from a folder for PATH")
        runs_workers(place, tree / "lib/torchelastic/bin/torchrun")
        for module, works in MODULES.items():
            step(module)
            if is_built(module):
                works(place, program)
            else:
                print("   is not built here", flush=True)
        names_no_other_place(tree)
        expect_reading(tree)
        step("uninstall")
        for path in files:
            (tree / path).unlink()
        left = [path for path in tree.rglob("*") if not path.is_dir()]
        equal(left, [], "files left behind")
        shutil.rmtree(tree)
        place.expect_nothing_left("")


if __name__ == "__main__":
    harness.main(__doc__, test, limit=100)
