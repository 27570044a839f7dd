#!/bin/bash
# From nothing to a recovered training: installs, builds, starts a real Slurm cluster of four nodes
# in network namespaces, runs the main job on it, then again with a worker killed in mid-training, and
# says what was shown. Needs root on Debian 12 or newer. Asks nothing.
set -euo pipefail

usage() {
    cat <<'END'
usage: quickstart.sh [--keep]

  --keep   leave the cluster running, to try things on it; contrib/slurm/cluster down ends it
END
}

die() {
    echo "quickstart.sh: $*" >&2
    exit 1
}

say() { printf '\n=== %s\n' "$*"; }

# await SECONDS COMMAND...: true as soon as COMMAND is, false when it still is not after SECONDS.
await() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS <= deadline)) || return 1
        sleep 0.1
    done
}

keep=
case ${1:-} in
-h | --help) usage && exit ;;
--keep) keep=yes ;;
'') ;;
*) usage >&2 && exit 2 ;;
esac
((EUID == 0)) || die "needs root: it installs packages and makes network namespaces"

here=$(dirname "$(readlink -f "$0")")
repository=$(readlink -f "$here/../..")
cluster=$here/cluster
export TORCHELASTIC_CLUSTER=${TORCHELASTIC_CLUSTER:-te}
job=
log=$(mktemp)

finish() {
    status=$?
    trap - EXIT
    [[ -z $job ]] || kill "$job" 2>/dev/null || true
    [[ -n $keep && $status -eq 0 ]] || "$cluster" down || true
    rm -f "$log"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say "install what is missing"
"$here/install-deps.sh" build cluster torch

say "build"
cmake -S "$repository" -B "$repository/build" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$repository/build" --target torchelastic spank_torchelastic

say "start a cluster: four nodes with 2, 2, 4 and 4 GPUs"
"$cluster" down
"$cluster" up --nodes 4 --gpus 2,2,4,4
[[ -e /dev/nvidia0 ]] || echo "(the GPUs are stand-ins: the workers train with gloo on the CPU)"

settings=()  # of the jobs' environment
python=
for each in python3 /usr/bin/python3 /usr/local/bin/python3; do
    if "$cluster" run "$each" -c 'import torch' 2>/dev/null; then
        python=$("$cluster" run "$each" -c 'import sys; print(sys.executable)')
        break
    fi
    settings=(PYTHON_EXEC="$each")
done
[[ -n $python ]] || die "no python3 on the cluster's nodes can import torch"
((${#settings[@]} == 0)) || settings=(PYTHON_EXEC="$python")
# Debian's torch 2 is built without libuv, which its stores ask for unless told; 1.13 has no such word.
"$cluster" run "$python" - 2>/dev/null <<'END' || settings+=(USE_LIBUV=0)
from torch.distributed import TCPStore
try:
    TCPStore("127.0.0.1", 0, 1, True, use_libuv=True)
except TypeError:
    pass
END
echo "the workers run $python, torch $("$cluster" run "$python" -c 'import torch; print(torch.__version__)')"
home=$("$cluster" run sh -c 'echo $HOME')

# --- the main job --------------------------------------------------------------------------------

# start WORDS LINE...: says what is about to run, then runs it as an ordinary user.
start() {
    local words=$1
    shift
    "$cluster" run rm -f checkpoint.pt
    say "$words, as an ordinary user:"
    echo "    ${settings[*]:+${settings[*]} }$*"
    exec {screen}> >(exec tee "$log")
    tee=$!
    "$cluster" run env "${settings[@]}" "$@" >&"$screen" 2>&1 {screen}>&- &
    job=$!
    exec {screen}>&-
}

has_ended() { ! kill -0 "$1" 2>/dev/null; }

# end: waits for the job and for the last word in its log.
end() {
    local code=0
    wait "$job" || code=$?
    job=
    await 10 has_ended "$tee" || true
    ((code == 0)) || die "the job ended with exit code $code"
}

line=(srun -N4 --gpus=12 --torchelastic --nproc-per-node=gpu train.py --epochs 2)
start "the main job" "${line[@]}"
end
mapfile -t losses < <(grep -oP 'epoch [01] of 2: loss \K[0-9.]+' "$log")
((${#losses[@]} == 2)) || die "the main job told ${#losses[@]} losses, not 2"
awk "BEGIN { exit !(${losses[1]} < ${losses[0]}) }" || die "the loss did not fall: ${losses[*]}"
# Workers write without buffers, so two lines may have become one.
on_nodes=$(grep -oE 'rank [0-9]+ of 12: n[0-9]+' "$log" | cut -d ' ' -f 2,5 | sort -n |
    cut -d ' ' -f 2 | uniq -c | awk '{ printf " %s:%d", $2, $1 }')
[[ $on_nodes == " n1:2 n2:2 n3:4 n4:4" ]] || die "the ranks are not in the nodes' order:$on_nodes"

# --- a worker is killed --------------------------------------------------------------------------

again=("${line[@]::5}" --max-restarts=2 train.py --epochs 2 --step-seconds 0.2)
start "again, and now a worker will be killed" "${again[@]}"
has_checkpoint() { [[ -e $home/checkpoint.pt ]] || has_ended "$job"; }
await 240 has_checkpoint && ! has_ended "$job" || die "the job wrote no checkpoint"

victim=$("$cluster" exec n3 pgrep -nf 'python3.* -u train.py') || die "no worker on n3"
say "kill -9 of worker $victim on node n3, in mid-training"
"$cluster" exec n3 kill -9 "$victim"

end
grep -q 'SIGKILL; restarting all 12 workers (restart 1 of 2)' "$log" || die "no word of the restart"
grep -q 'resumed from' "$log" || die "the training did not resume from its checkpoint"
grep -q 'epoch 1 of 2: loss' "$log" || die "the training did not reach its last epoch"
again_after=$(sed -n 's/.*round 1: 12 workers run again after \([0-9.]*\) s.*/\1/p' "$log")
for node in n1 n2 n3 n4; do
    left=$("$cluster" exec "$node" pgrep -cu trainer || true)
    ((left == 0)) || die "$left processes are left on $node"
done
"$cluster" run rm -f checkpoint.pt

# --- what was shown -------------------------------------------------------------------------------

gpus="12 GPUs, which are stand-ins (device files that compute nothing): gloo on the CPU"
[[ ! -e /dev/nvidia0 ]] || gpus="12 GPUs of Slurm's counting"
say "shown, on Slurm $("$cluster" run srun --version | cut -d ' ' -f 2) with four nodes"
cat <<END
  one line         12 workers for $gpus
  unequal nodes    ranks in the nodes' order:$on_nodes
  training         the loss fell from ${losses[0]} to ${losses[1]}, exit code 0
  a killed worker  all 12 told at once, running again ${again_after:+after $again_after s}, resumed from the checkpoint
  nothing left     no process on any node

END
if [[ -n $keep ]]; then
    echo "The cluster runs on. Try:"
else
    echo "Try next, after contrib/slurm/quickstart.sh --keep, which leaves the cluster running:"
fi
with="${settings[*]:+env ${settings[*]} }"
here=$cluster
[[ $TORCHELASTIC_CLUSTER == te ]] || here+=" --name $TORCHELASTIC_CLUSTER"
cat <<END
  $here run $with${line[*]}
  $here run srun -N4 --torchelastic --no-python sh -c 'echo rank \$RANK of \$WORLD_SIZE on \$(hostname)'
  $here run ${with}sbatch --wait contrib/slurm/train.sbatch
  $here run sh -c 'cat train-*.out'
  $here kill n4      # in mid-training; "boot n4" brings it back
  $here exec n3 ps -ef
  $here down
END
