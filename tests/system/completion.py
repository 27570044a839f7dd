#!/usr/bin/env python3
"""A shell that has read --print-completion completes what is typed, as far as the script: options,
their values, the program's commands; and behind the script leaves names of files."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import harness
from harness import check, equal

# What shows the words that the shell made of what was typed.
SHOW = "got<%s>"
# (typed, words; a tab is a tab). In the working folder there is train.py.
EVERYWHERE = (
    ("torchelastic run --stand\t", "run --standalone"),
    ("torchelastic run --standalone --no-p\t", "run --standalone --no-python"),
    ("torchelastic run --worker-store ra\t", "run --worker-store rank0"),
    ("torchelastic run --worker-store=ra\t", "run --worker-store=rank0"),
    ("torchelastic run --numa-binding core\t", "run --numa-binding core-complex"),
    ("torchelastic run --nproc_per_node g\t", "run --nproc_per_node gpu"),
    ("torchelastic run tra\t", "run train.py"),
    ("torchelastic la\t", "launch"),
)
# Beyond that, tcsh's rules see one word at a time.
GRAMMAR = (
    ("torchelastic run --role x --stand\t", "run --role x --standalone"),
    ("torchelastic run -t 3 --stand\t", "run -t 3 --standalone"),
    ("torchelastic run -mt 3 --stand\t", "run -mt 3 --standalone"),
    ("torchelastic run -r3 --stand\t", "run -r3 --standalone"),
    ("torchelastic run -r 0:3,1:1 --stand\t", "run -r 0:3,1:1 --standalone"),
    ("torchelastic run --rdzv-conf=a=1,b=2 --stand\t",
     "run --rdzv-conf=a=1,b=2 --standalone"),
    ("torchelastic run --virtual_l\t", "run --virtual_local_rank"),
    ("torchelastic run train.py --stand\t", "run train.py --stand"),
    ("torchelastic run train.py tra\t", "run train.py train.py"),
    ("torchelastic run -- tra\t", "run -- train.py"),
    ("torchelastic run -m train --stand\t", "run -m train --stand"),
    ("torchelastic launch --use-e\t", "launch --use-env"),
    ("torchelastic run --use-e\t", "run --use-e"),
)
BASH = (
    ("torchelastic run --nproc-per 2 --stand\t", "run --nproc-per 2 --standalone"),
    ("torchelastic run --rdzv-backend=etcd-\t", "run --rdzv-backend=etcd-v2"),
    ("torchelastic --print-c\tzs\t", "--print-completion zsh"),
)


class Typing:
    """A shell at a terminal."""

    def __init__(self, argv, folder, environment):
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], argv, {"PATH": os.environ["PATH"], "TERM": "dumb",
                                       "LC_ALL": "C.UTF-8", **environment})
        self._shown = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._terminal)

    def until(self, pattern, limit=30):
        deadline = time.monotonic() + limit
        while not (found := re.search(pattern, self._shown)):
            ready, _, _ = select.select([self._terminal], [], [], deadline - time.monotonic())
            check(ready, f"the terminal shows {pattern}", self._shown)
            self._shown += os.read(self._terminal, 4096).decode(errors="replace")
        self._shown = self._shown[found.end():]
        return found

    def type(self, text):
        os.write(self._terminal, text.encode())

    def expect(self, typed, words):
        self.type(typed + "\n")
        seen = self.until(r"got<(.*)>").group(1).strip()
        equal(seen, words, f"completion of {typed!r}")
        self.until("READY")


def script(shell, command=("run",), program=None):
    argv = [program or harness.program("bin/torchelastic"), *command, "--print-completion", shell]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    equal((done.returncode, done.stderr), (0, ""), f"{argv}")
    return done.stdout


def at(folder, shell, setup, argv, environment=()):
    (folder / "train.py").touch()
    (folder / f"completion.{shell}").write_text(script(shell))
    (folder / f".{shell}rc").write_text(setup)
    return Typing(argv, folder, {"HOME": str(folder), "ZDOTDIR": str(folder), **dict(environment)})


def bash(folder):
    setup = (f"torchelastic() {{ printf '{SHOW}\\n' \"$*\"; }}\nPS1='READY'\nunset HISTFILE\n"
             "source ./completion.bash\n")
    with at(folder, "bash", setup, ["bash", "--rcfile", ".bashrc", "-i"]) as shell:
        shell.until("READY")
        for typed, words in (*EVERYWHERE, *GRAMMAR, *BASH):
            shell.expect(typed, words)
        # Users do that, to have the = in their file names.
        shell.type("COMP_WORDBREAKS=${COMP_WORDBREAKS//[=:]/}; torchelastic\n")
        shell.until("got<>")
        shell.until("READY")
        shell.expect("torchelastic run --worker-store=ra\t", "run --worker-store=rank0")
        shell.expect("torchelastic run -r 0:3,1:1 --stand\t", "run -r 0:3,1:1 --standalone")


ZSH = f"torchelastic() {{ printf '{SHOW}\\n' \"$*\"; }}\nPS1='READY'\nunsetopt prompt_cr prompt_sp\n"


def zsh(folder):
    setup = ZSH + "autoload -U compinit; compinit -u -D\nsource ./completion.zsh\n"
    with at(folder, "zsh", setup, ["zsh", "-d", "-i"]) as shell:
        shell.until("READY")
        for typed, words in (*EVERYWHERE, *GRAMMAR):
            shell.expect(typed, words)


def zsh_that_finds_it(folder):
    """As it is installed: in a folder of $fpath."""
    place = harness.program("share/zsh/site-functions")
    setup = ZSH + f"fpath=({place} $fpath); autoload -U compinit; compinit -u -D\n"
    with at(folder, "zsh", setup, ["zsh", "-d", "-i"]) as shell:
        shell.until("READY")
        for typed, words in EVERYWHERE:
            shell.expect(typed, words)


def tcsh(folder):
    setup = f"alias torchelastic 'printf \"{SHOW}\\n\" \"\\!*\"'\nset prompt='READY'\n" \
            "source ./completion.tcsh\n"
    # At a dumb terminal it does not edit lines.
    with at(folder, "tcsh", setup, ["tcsh"], {"TERM": "vt100"}) as shell:
        shell.until("READY")
        for typed, words in EVERYWHERE:
            shell.expect(typed, words)


def torchrun(folder):
    """By that name it has no commands, and completes itself under it."""
    link = folder / "torchrun"
    link.symlink_to(harness.program("bin/torchelastic"))
    (folder / "completion").write_text(script("bash", (), link))
    for words, replies in (("torchrun --stand", "--standalone"), ("torchrun ru", ""),
                           ("./torchrun --worker-store ra", "rank0")):
        done = subprocess.run(
            ["bash", "--norc", "-c",
             "source ./completion; COMP_WORDS=($1) COMP_LINE=$1; COMP_CWORD=$((${#COMP_WORDS[@]} - 1))"
             "; _torchelastic ${COMP_WORDS[0]}; echo \"${COMPREPLY[*]}\"; complete -p torchrun",
             "-", words], cwd=folder, capture_output=True, text=True, check=False)
        equal((done.stderr, done.stdout.split("\n")[0]), ("", replies), words)
        check("_torchelastic torchrun" in done.stdout, "it is registered", done.stdout)


def test():
    for name in ("bash", "zsh", "tcsh"):
        if not shutil.which(name):
            harness.skip(f"no {name} on this machine: run contrib/slurm/install-deps.sh test")
    for case in (bash, zsh, zsh_that_finds_it, tcsh, torchrun):
        harness.step(case.__name__.replace("_", " "))
        with harness.scratch() as folder:
            case(folder)


harness.main(__doc__, test)
