#!/usr/bin/env python3
"""Every option of srun --torchelastic reaches the agent intact from wherever it can be given, and the
workers are surrounded by what a plain task is surrounded by."""

import os
import re

import harness
from harness import check, count, equal

# Neither Slurm, nor a shell on the way, nor the plugin may look inside.
VALUE = "a  \"b\" 'c' $HOME `id` \\ %u ;#=,\x01\x7f\t\u00e9\udcff!"
IN_SCRIPT = "a  'b' $HOME # ; x"  # between the quotes of an #SBATCH line

SHOW = """
    #!/bin/bash
    while IFS= read -r -d '' variable; do
        [[ $variable != PET_* ]] || printf '%s\\0' "$variable"
    done </proc/self/environ >"$SHOWN"
"""
ROLE = """
    #!/bin/sh
    printf %s "$ROLE_NAME" >role
"""
LOOK = """
    #!/bin/bash
    pwd; umask; ulimit -a; ulimit -Ha; id; nice; cat /proc/self/oom_score_adj
    readlink /proc/self/fd/0 | tr -d 0-9
    wc -c
    grep -E '^(Sig[^Q]|Cap|NoNewPrivs|Cpus_allowed|Mems_allowed)' /proc/self/status
    env -0 | tr '\\n\\0' '\\1\\n' | sort
"""
PROLOG = """
    #!/bin/sh
    echo "export FROM_PROLOG=yes"
    echo "unset TAKEN_AWAY"
    echo "print said by the prolog"
"""
OF_A_WORKER = re.compile(
    r"^(GROUP_RANK|GROUP_WORLD_SIZE|LOCAL_RANK|LOCAL_WORLD_SIZE|MASTER_ADDR|MASTER_PORT|RANK|WORLD_SIZE|"
    r"ROLE_\w+|TORCHELASTIC_\w+|(TORCH_)?NCCL_ASYNC_ERROR_HANDLING)=")
OF_A_STEP = re.compile(r"^SLURM_(JOB_?ID|JOB_SLUID|JOB_(START|END)_TIME|STEP_ID|TASK_PID|"
                       r"SRUN_COMM_PORT|STEP_LAUNCHER_PORT)=")


def samples(cluster):
    """Every option that srun lists as ours, with a value that it may have."""
    text = cluster.run("srun", "--help").output.partition("Options provided by plugins:")[2]
    options = re.findall(r"^ {6}--([a-z-]+)(?:=(\S+))?", text.split("GPU scheduling")[0], re.M)
    values = {"N": "7", "SECONDS": "7", "LOW-HIGH": "7-9", "preempt,timeout,node": "preempt,node",
              "STREAMS": "0:3,1:2", "KEY=VALUE,...": "join_timeout=7", "RANK,...": "0,1",
              "BACKEND": "slurm"}
    chosen = {}
    for name, metavar in options:
        choice = metavar.split("|")[0]
        chosen[name] = "" if not metavar else values.get(
            choice, choice if "|" in metavar else VALUE)
    del chosen["torchelastic"]
    check(len(chosen) > 20, "options", text)
    return chosen


def shown(cluster):
    pairs = (cluster.home / "shown").read_bytes().split(b"\0")[:-1]
    return dict(os.fsdecode(each).split("=", 1) for each in pairs)


def every_option(cluster):
    chosen = samples(cluster)
    expected = {"PET_" + name.upper().replace("-", "_"): value or "1"
                for name, value in chosen.items()}
    words = [f"--{name}={value}" if value else f"--{name}" for name, value in chosen.items()]
    conf = cluster.home.parent / "etc/plugstack.conf"
    line = conf.read_text()
    conf.write_text(f"{line.rstrip()} agent={cluster.home}/show\n")
    file = f"SHOWN={cluster.home}/shown"
    script = f"#!/bin/sh\nexport {file}\nsrun true\n"
    (cluster.home / "job.sh").write_text(script)
    ways = {
        "srun": ["env", file, "srun", "-N1", "--torchelastic", *words, "true"],
        "apart": ["env", file, "srun", "-N1", "--torchelastic",
                  *[part for word in words for part in word.split("=", 1)], "true"],
        "sbatch": ["sbatch", "--wait", "-N1", "--torchelastic", *words, "job.sh"],
        "salloc": ["salloc", "-N1", "--torchelastic", *words, "env", file, "srun", "true"],
        "variables": ["env", file, "SLURM_SPANK__SLURM_SPANK_OPTION_torchelastic_torchelastic=on",
                      *[f"SLURM_SPANK__SLURM_SPANK_OPTION_torchelastic_{name.replace('-', '_')}={value}"
                        for name, value in chosen.items()], "srun", "-N1", "true"],
    }
    for way, argv in ways.items():
        (cluster.home / "shown").unlink(missing_ok=True)
        job = cluster.run(*argv)
        equal(job.code, 0, f"exit code of {way}", job.output)
        equal(shown(cluster), expected, f"what the agent has by way of {way}", job.output)
    conf.write_text(line)


def a_value_in_a_script(cluster):
    (cluster.home / "job.sh").write_text(
        "#!/bin/sh\n#SBATCH -N1 --torchelastic --no-python\n"
        f'#SBATCH --role="{IN_SCRIPT}"\nsrun ./role.sh\n')
    job = cluster.run("sbatch", "--wait", "job.sh")
    equal((job.code, (cluster.home / "role").read_text()), (0, IN_SCRIPT), "role", job.output)


def values_of_several_lines_are_refused(cluster):
    carrier = "SLURM_SPANK__SLURM_SPANK_OPTION_torchelastic_role=a\nb"
    for argv in (["srun", "--torchelastic", "--role=a\nb", "true"],
                 ["sbatch", "--torchelastic", "--role=a\rb", "--wrap=true"],
                 ["salloc", "--torchelastic", "--role=a\nb", "true"],
                 ["env", carrier, "srun", "--torchelastic", "true"]):
        job = cluster.run(*argv)
        check(job.code != 0, f"{argv[0]} fails", job.output)
        equal(count(r"error: torchelastic: --role=a\\x0[ad]b: a value is one line$", job.output), 1,
              "one clear line", job.output)


def wrong_values_are_refused(cluster):
    """By the agent's own rules, before anything is queued."""
    for option, value in (("nproc-per-node", "abc"), ("nproc-per-node", "0"), ("nnodes", "5:1"),
                          ("max-restarts", "-1"), ("shutdown-timeout", "-5"),
                          ("rdzv-backend", "foo"), ("rdzv-conf", "join_timeout=abc"),
                          ("port-range", "10-5"), ("tee", "9"), ("redirects", "0:3,1:"),
                          ("local-ranks-filter", "a"), ("event-log-handler", "foo")):
        wrong = f"--{option}={value}"
        for argv in (["srun", "-N2", "--torchelastic", wrong, "true"],
                     ["sbatch", "--torchelastic", wrong, "--wrap=true"],
                     ["salloc", "--torchelastic", wrong, "true"]):
            job = cluster.run(*argv)
            check(job.code != 0, f"{argv[0]} {wrong} fails", job.output)
            equal(count(rf"error: torchelastic: --{option}: ", job.output), 1, "one clear line",
                  job.output)
            equal(count("queued|allocation|Submitted", job.output), 0, "jobs", job.output)


def look(cluster, line):
    job = cluster.run("sh", "-c", "umask 027; ulimit -Sn 500; ulimit -Ss 4096; mkdir -p 'a folder'; "
                      "cd 'a folder'; export TMPDIR=/tmp/mine TAKEN_AWAY=1 EMPTY= NAME='a b' "
                      "LINES_='a\nb'; echo from stdin | " + line + " --task-prolog=$HOME/prolog.sh "
                      "../look.sh")
    equal(job.code, 0, "exit code", job.output)
    return job.output.split("\n")


def surroundings(cluster):
    plain = look(cluster, "srun -N1 --gres=gpu:2 --cpus-per-task=2")
    elastic = look(cluster, "srun -N1 --gres=gpu:2 --cpus-per-task=2 --torchelastic --no-python")
    for part in ("said by the prolog", "FROM_PROLOG=yes", "11", "0027", "EMPTY=", "TMPDIR=/tmp/mine"):
        check(part in plain, f"a plain task has {part!r}", "\n".join(plain))
    check(not any("TAKEN_AWAY" in each for each in plain), "the prolog unsets", "\n".join(plain))
    of_worker = [each for each in elastic if OF_A_WORKER.match(each)]
    check(len(of_worker) > 12, "a worker's own variables", "\n".join(elastic))
    left = [each for each in elastic if each not in of_worker and not OF_A_STEP.match(each)]
    rest = [each for each in plain if not OF_A_STEP.match(each)]
    equal(sorted(set(left) ^ set(rest)), [], "lines that only one of both has")
    equal(left, rest, "their order")


def test():
    with harness.Cluster() as cluster:
        for name, text in (("show", SHOW), ("role.sh", ROLE), ("look.sh", LOOK),
                           ("prolog.sh", PROLOG)):
            cluster.script(name, text)
        for case in (every_option, a_value_in_a_script, values_of_several_lines_are_refused,
                     wrong_values_are_refused, surroundings):
            harness.step(case.__name__.replace("_", " "))
            case(cluster)


harness.main(__doc__, test)
