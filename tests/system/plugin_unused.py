#!/usr/bin/env python3
"""Where the plugin is loaded and not used, srun is byte for byte what it is without it, and its own
options stay what they are."""

import collections
import contextlib
import re

import harness
from harness import check, equal

# What is compared: every case with its stdout, its stderr and its exit code.
CASES = {
    "hostname": "srun -N2 hostname",
    "labels": "srun -N2 -l sh -c 'echo to stdout; echo to stderr >&2'",
    "stdin": "printf 'a\\nb' | srun -n1 od -c",
    "exit": "srun -N2 sh -c 'exit $((SLURM_PROCID + 3))'",
    "signal": "srun -n1 sh -c 'kill -SEGV $$'",
    "no program": "srun -n1 ./not-there",
    "not executable": "srun -n1 ./plain.txt",
    "multi-prog": "srun -n2 --multi-prog multi.conf",
    "bcast": "srun -N2 --bcast=/tmp/copied ./program.sh",
    "pty": "srun -n1 --pty ./program.sh",
    "bad option": "srun --no-such-option hostname",
    "abbreviation": "srun --no-k --nod=2 --lab --exc=n4 hostname",
    "environment": "srun -N2 -n4 -w n1,n2 env",
    "off": "srun -N2 --torchelastic=off env",
}
VARIABLE = re.compile(r"^SLURM_(JOB_?ID|JOB_SLUID|JOB_(START|END)_TIME|TASK_PID|SRUN_COMM_PORT|"
                      r"STEP_LAUNCHER_PORT)=|^srun: job ")

RUN = """
    #!/bin/bash
    eval "$1" >case.out 2>case.err </dev/null
    echo $? >case.rc
"""


@contextlib.contextmanager
def without_plugin(cluster):
    conf = cluster.home.parent / "etc/plugstack.conf"
    line = conf.read_text()
    conf.write_text("")
    yield
    conf.write_text(line)


def outcome(cluster, command):
    """Lines in the order in which they come, but for those of several tasks."""
    cluster.run("./run.sh", command)
    parts = []
    for name in ("case.out", "case.err", "case.rc"):
        text = (cluster.home / name).read_bytes().decode(errors="backslashreplace")
        text = re.sub(r"StepId=\d+|^\[[0-9T:.-]+\] ", "", text, flags=re.M)
        parts.append(sorted(each for each in text.split("\n") if not VARIABLE.match(each)))
    return parts


def same_with_and_without(cluster):
    with_plugin = {name: outcome(cluster, command) for name, command in CASES.items()}
    plain = {**CASES, "off": CASES["off"].replace(" --torchelastic=off", "")}
    with without_plugin(cluster):
        for name, command in plain.items():
            for ours, theirs in zip(with_plugin[name], outcome(cluster, command)):
                differ = collections.Counter(ours) - collections.Counter(theirs)
                differ.update(collections.Counter(theirs) - collections.Counter(ours))
                equal(sorted(differ), [], f"lines of one of both: {name}: {command}")
    equal(with_plugin["hostname"], [["", "n1", "n2"], [""], ["", "0"]], "hostname")
    equal(with_plugin["exit"][2], ["", "4"], "exit code")
    check("SLURM_NODEID=1" in with_plugin["off"][0], "an environment", with_plugin["off"])


def options_of(text):
    return re.findall(r"^ {2,6}(?:-\w, )?--([a-z][a-z0-9-]+)", text, re.MULTILINE)


def help_lists_ours_beside_slurm_s(cluster):
    for tool in ("srun", "sbatch", "salloc"):
        ours = cluster.run(tool, "--help")
        with without_plugin(cluster):
            theirs = cluster.run(tool, "--help")
        equal((ours.code, theirs.code), (0, 0), f"{tool} --help", ours.output)
        found = re.search(r"^Options provided by plugins:\n((?: .*\n|\n)+)", ours.output, re.MULTILINE)
        check(found, "the plugins' heading", ours.output)
        added = found.group(1)
        rest = ours.output.replace(found.group(0), "")
        check(rest.replace("\n", "") == theirs.output.replace("\n", ""), "Slurm's part of the help",
              rest)
        names = options_of(added)
        equal(names[:3], ["torchelastic", "nnodes", "nproc-per-node"], "the first of ours", added)
        equal(harness.count(r"\[torchelastic\] ", added), len(names), "each says whose it is", added)
        slurm = set(options_of(theirs.output))
        check(len(slurm) > 50, f"options of {tool}: {slurm}")
        equal(slurm & set(names), set(), "options of both", added)


def salloc_shell_is_left_alone(cluster):
    shell = "unset LS_COLORS; env | sort >shell.env; srun hostname >shell.out 2>&1; exit 7"
    seen = []
    for options in ([], ["--torchelastic"]):
        done = cluster.run("sh", "-c", 'printf "%s\\n" "$0" | salloc -N2 "$@" 2>&1', shell, *options)
        equal(done.code, 7, "the shell's exit code", done.output)
        lines = (cluster.home / "shell.env").read_text().split("\n")
        seen.append([each for each in lines
                     if "SPANK_OPTION" not in each and not VARIABLE.match(each)])
    equal(seen[1], seen[0], "the environment of salloc's shell")
    check({"SLURM_STEP_ID=4294967290", "SLURM_STEP_ID=-6"} & set(seen[0]), "an interactive step",
          seen[0])


def test():
    options = ["--conf", "LaunchParameters=use_interactive_step"]
    with harness.Cluster(options=options) as cluster:
        cluster.script("run.sh", RUN)
        cluster.script("program.sh", "#!/bin/sh\necho runs")
        cluster.script("plain.txt", "no program\n")
        (cluster.home / "plain.txt").chmod(0o644)
        cluster.script("multi.conf", "0-1 hostname\n")
        for case in (same_with_and_without, help_lists_ours_beside_slurm_s,
                     salloc_shell_is_left_alone):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)


harness.main(__doc__, test)
