#!/bin/bash
# What srun, sbatch and salloc promise with the plugin, on a real cluster. The agent is a script that
# prints what it was handed, so that nothing but the plugin is tested.
set -uo pipefail

usage() {
    echo "usage: spank.sh CLUSTER PLUGIN"
    echo "CLUSTER is contrib/slurm/cluster, PLUGIN spank_torchelastic.so. Needs root and Slurm."
    echo "Exit code: 77 where there is no Slurm to test with."
}

(($# == 2)) || { usage >&2; exit 2; }
cluster=$1
plugin=$2
export TORCHELASTIC_CLUSTER=${TORCHELASTIC_CLUSTER:-spank-test}
for program in slurmctld slurmd srun munged; do
    PATH=$PATH:/usr/sbin type -P "$program" >/dev/null || { echo "SKIPPED: no $program" && exit 77; }
done
((EUID == 0)) || { echo "SKIPPED: not root" && exit 77; }

scratch=$(mktemp -d)
trap '"$cluster" down; rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- the agent's stand-in ----------------------------------------------------------------------

# One line per node, by one write, so that the nodes' lines stay whole; no PATH is needed.
cat >"$scratch/torchelastic" <<'END'
#!/bin/bash
line="node=$SLURMD_NODENAME"
for argument; do line+=" arg=$argument"; done
while IFS= read -r -d '' variable; do
    case $variable in
    TORCHELASTIC_STEP_* | PET_* | *SPANK* | SLURM_TORCHELASTIC_* | SLURM_[GC]PUS_*=*)
        line+=" $variable" ;;
    esac
done </proc/self/environ
printf '%s tasks=%s.\n' "$line" "$SLURM_STEP_TASKS_PER_NODE"
[[ $TORCHELASTIC_STEP_SCRIPT != nested ]] || srun --overlap -N1 /usr/bin/env
[[ $TORCHELASTIC_STEP_SCRIPT != loss || $SLURM_NODEID != 0 ]] || exit 3
[[ $TORCHELASTIC_STEP_SCRIPT != loss ]] || { /usr/bin/sleep 4 && echo "$SLURMD_NODENAME goes on"; }
[[ $TORCHELASTIC_STEP_SCRIPT != gossip ]] || {
    scontrol show job "$SLURM_JOB_ID"
    scontrol show step "$SLURM_JOB_ID.$SLURM_STEP_ID"
    /usr/bin/ps -eo args
}
END
chmod 755 "$scratch" "$scratch/torchelastic"

# --- checks --------------------------------------------------------------------------------------

failures=0
check() { # WORDS COMMAND...
    local words=$1
    shift
    if "$@"; then
        echo "ok: $words"
    else
        echo "FAILED: $words (exit code $rc), output:"
        sed 's/^/    /' <<<"$out"
        failures=$((failures + 1))
    fi
}

# run COMMAND...: sets out (stdout and stderr) and rc.
run() {
    out=$(timeout 60 "$cluster" run "$@" 2>&1)
    rc=$?
}

# Runs a batch job of these lines and options; its output is out.
batch() { # SCRIPT [OPTION]...
    local script=$1
    shift
    "$cluster" run sh -c 'cat >job.sh' <<<"$script"
    run sbatch --wait --output=job.out "$@" job.sh
    out=$("$cluster" run cat job.out)
}

count() { grep -cE -- "$1" <<<"$out"; }
lines() { [[ $(count "$2") == "$1" ]]; }      # NUMBER PATTERN
ends() { [[ $rc == "$1" ]]; }                 # CODE
tokens() { grep -oE 'TORCHELASTIC_STEP_TOKEN=[0-9a-f]{64}' <<<"$out" | sort | uniq -c; }
one_token() { [[ $(tokens) =~ ^\ *$1\ [^$'\n']*$ ]]; } # NUMBER OF NODES

# Slurm cleans up behind srun's back: soon COMMAND... gives it 10 seconds.
soon() {
    local deadline=$((SECONDS + 10))
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}
no_steps() { out=$("$cluster" run squeue --noheader --steps) && [[ -z $out ]]; }
all_idle() { out=$("$cluster" run sinfo -h -N -o '%N %T') && ! grep -qv ' idle$' <<<"$out"; }

# An environment without what differs from job to job, and without srun's "queued and waiting".
calm() {
    grep -vE '^srun: |^SLURM_(JOB_?ID|JOB_SLUID|JOB_(START|END)_TIME|TASK_PID)=' |
        grep -vE '^SLURM_(SRUN_COMM_PORT|STEP_LAUNCHER_PORT)=' | sort
}

"$cluster" down  # what a run that was killed may have left
"$cluster" up --nodes 3 --gpus 2 --agent "$scratch/torchelastic" --plugin "$plugin" || exit 1
plugstack=$(dirname "$("$cluster" run printenv SLURM_CONF)")/plugstack.conf

# --- a step that is elastic ------------------------------------------------------------------------

run srun -N3 --torchelastic --nproc-per-node=gpu --no-python --tee '0:1' train.py --lr 1 "a b"
check "an agent runs on each node" lines 3 '^node=n[123] .*tasks=1\(x3\)\.$'
check "it has the script's arguments" lines 3 'arg=--lr arg=1 arg=a b '
check "and its name" lines 3 ' TORCHELASTIC_STEP_SCRIPT=train.py( |$)'
check "an option with a value arrives" lines 3 ' PET_NPROC_PER_NODE=gpu '
check "an option with a value apart arrives" lines 3 ' PET_TEE=0:1 '
check "a flag arrives" lines 3 ' PET_NO_PYTHON=1 '
check "options not given do not" lines 0 'PET_(MODULE|MAX_RESTARTS|NNODES)='
check "the first node's address arrives" lines 3 ' TORCHELASTIC_STEP_ADDRESS=[0-9.]+ '
check "all nodes have one token" one_token 3
check "nothing of Slurm's own carriers is left" lines 0 'SPANK|SLURM_TORCHELASTIC_'
check "srun ends well" ends 0
first=$(tokens)
run srun -N3 --torchelastic train.py
check "another step has one token" one_token 3
check "which is another" test "$first" != "$(tokens)"

for export in NONE NIL A=1; do
    run srun -N2 --export=$export --torchelastic --role=r train.py
    check "--export=$export: options arrive" lines 2 ' PET_ROLE=r '
    check "--export=$export: the token arrives" one_token 2
done

run env PET_ROLE=mine PET_MAX_RESTARTS=3 srun -N1 --torchelastic --role=given train.py
check "an option wins over its variable" lines 1 ' PET_ROLE=given '
check "which otherwise stays" lines 1 ' PET_MAX_RESTARTS=3 '

run srun -N1 --torchelastic gossip
token=$(grep -oE 'STEP_TOKEN=[0-9a-f]{64}' <<<"$out")
check "Slurm and ps tell nobody the token" test "$(count "${token#*=}")" = 1

run env SLURM_WAIT=1 srun -N2 --torchelastic loss
check "a user's own --wait still counts" lines 0 'goes on'
run srun -N2 --torchelastic loss
check "a failed agent does not end the others" lines 1 'goes on'
check "and its code is srun's" ends 3

# --- steps that are not ------------------------------------------------------------------------------

run srun -w n1,n2 -n4 env
with=$(calm <<<"$out")
run srun -w n1,n2 -n4 --torchelastic=off env
off=$(calm <<<"$out")
mv "$plugstack" "$plugstack.off" && : >"$plugstack"
run srun -w n1,n2 -n4 env
without=$(calm <<<"$out")
mv "$plugstack.off" "$plugstack"
check "there is an environment to compare" lines 4 '^SLURM_NODEID='
check "a plain srun's environment is as without the plugin" test "$with" = "$without"
check "so is that of --torchelastic=off" test "$off" = "$without"

run srun -N2 --nproc-per-node=2 hostname
check "an option alone is warned of" lines 1 'warning: --nproc-per-node has no effect without'
check "and changes nothing" lines 2 '^n[123]$'
run srun -N2 --torchelastic=off --nproc-per-node=2 hostname
check "who says off is not warned" lines 0 'has no effect without'

batch '#!/bin/bash
#SBATCH --torchelastic --role="gpu 2" --max-restarts=3
echo "batch script: $(basename "$0") $(env | grep -cE "^(TORCHELASTIC|PET_)")"
srun --max-restarts=1 train.py
srun --torchelastic=off hostname
printf "0-5 echo several programs\n" >multi.conf
srun --torchelastic=off --multi-prog multi.conf
' -N3 --ntasks-per-node=2 --gpus-per-task=1 --cpus-per-task=3
check "the batch script of an elastic job is left alone" lines 1 'batch script: slurm_script 0'
check "its sruns are elastic, one task per node" lines 3 '^node=.*tasks=1\(x3\)\.$'
check "they have the job's options" lines 3 ' PET_ROLE=gpu 2 '
check "and their own" lines 3 ' PET_MAX_RESTARTS=1 '
check "an agent sees all GPUs that the job has there" lines 3 ' SLURM_GPUS_ON_NODE=2 '
check "and all CPUs" lines 3 ' SLURM_CPUS_ON_NODE=6 '
check "what the script said of CPUs is still told" lines 3 ' SLURM_CPUS_PER_TASK=3 '
check "=off is a plain srun with the job's tasks" lines 6 '^n[123]$'
check "also one of several programs" lines 6 '^several programs$'

batch '#!/bin/bash
#SBATCH --torchelastic
srun -N1 nested
' -N1
check "an agent's own srun is not elastic by inheritance" lines 1 '^SLURMD_NODENAME='
check "nor does its environment say so" lines 0 'SPANK_OPTION'

# --- what cannot be ------------------------------------------------------------------------------------

for bad in --max-restarts=abc --worker-store=moon --torchelastic=maybe --nproc-per-node=; do
    run srun -N3 --torchelastic $bad hostname
    check "$bad is refused" ends 255
    check "$bad is told once, by srun" lines 1 "^srun: error: torchelastic: ${bad%%=*}[:=]"
    check "$bad runs nothing" lines 0 '^n[123]$|^node='
done
check "they leave no step" soon no_steps
batch '#!/bin/bash
srun --torchelastic --max-restarts=abc hostname
srun -N3 hostname
' -N3
check "nor one that would block a job" lines 3 '^n[123]$'
run sbatch --torchelastic --max-restarts=abc --wrap true
check "sbatch refuses a bad value, too" ends 255

run srun --torchelastic --multi-prog /dev/null
check "--multi-prog is refused" lines 1 'error: torchelastic: --multi-prog'

run srun --torchelastic --no-py --lab train.py --multi-prog
check "a program's --multi-prog behind abbreviations is its own" lines 0 'error: torchelastic'
run srun -N2 -n4 --torchelastic train.py
check "several tasks on a node end with the way out" lines 1 'use --ntasks-per-node=1'
check "and code 64" ends 64
sed -i 's/$/ agent=\/nowhere\/torchelastic/' "$plugstack"
run srun -N2 --torchelastic train.py
check "a missing agent is named with its node" lines 2 'node n[123]: cannot run the agent /nowhere'
check "and ends the step with code 64" ends 64
check "no step is left" soon no_steps
check "no node is drained" soon all_idle

echo
if ((failures)); then
    echo "spank.sh: $failures checks failed"
    exit 1
fi
echo "spank.sh: all is well"
