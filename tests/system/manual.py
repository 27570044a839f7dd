#!/usr/bin/env python3
"""The manual page reads well: mandoc and groff find no fault with it, and it has every option that
--help has."""

import re
import shutil
import subprocess

import harness
from harness import check, equal


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    equal((done.returncode, done.stderr), (0, ""), " ".join(argv), done.stdout)
    return done.stdout


def test():
    for name in ("mandoc", "groff"):
        if not shutil.which(name):
            harness.skip(f"no {name} on this machine: run contrib/slurm/install-deps.sh test")
    page = harness.program("share/man/man1/torchelastic.1")
    equal(run("mandoc", "-T", "lint", "-W", "warning", page), "", "what mandoc says of it")
    run("groff", "-ww", "-K", "utf8", "-m", "doc", "-T", "utf8", page)
    text = run("mandoc", "-T", "ascii", "-O", "width=78", page)
    text = re.sub(".\b", "", text)  # overstruck, for bold and underlined
    help_text = run(harness.program("bin/torchelastic"), "--help")
    options = re.findall(r"^  (?:-\w, )?(--[a-z0-9-]+)", help_text, re.MULTILINE)
    check(len(options) > 30, "options in --help", help_text)
    for option in options:
        check(re.search(rf"^ +(-\w, )?{option}(=|$)", text, re.MULTILINE), f"{option} in the page",
              text)


harness.main(__doc__, test)
