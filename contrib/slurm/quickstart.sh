#!/bin/bash
# From nothing to a recovered training: installs, builds, starts a real Slurm cluster of four nodes
# in network namespaces, runs the main job on it, kills a worker in mid-training and shows what
# happens. Needs root on Debian 12 or newer. Asks nothing.
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

python=
for each in python3 /usr/bin/python3 /usr/local/bin/python3; do
    if "$cluster" run "$each" -c 'import torch' 2>/dev/null; then
        python=$("$cluster" run "$each" -c 'import sys; print(sys.executable)')
        break
    fi
done
[[ -n $python ]] || die "no python3 on the cluster's nodes can import torch"
echo "the workers run $python, torch $("$cluster" run "$python" -c 'import torch; print(torch.__version__)')"

home=$("$cluster" run sh -c 'echo $HOME')
"$cluster" run rm -f checkpoint.pt
line=(srun -N4 --gpus=12 --torchelastic --nproc-per-node=gpu --max-restarts=2
    train.py --epochs 3)
say "the main job, as an ordinary user:  ${line[*]}"
"$cluster" run env PYTHON_EXEC="$python" "${line[@]}" --step-seconds 0.1 > >(tee "$log") 2>&1 &
job=$!

running() { kill -0 "$job" 2>/dev/null; }
has_checkpoint() { [[ -e $home/checkpoint.pt ]] || ! running; }
await 240 has_checkpoint && running || die "the job wrote no checkpoint"

victim=$("$cluster" exec n3 pgrep -nf 'python3.* -u train.py') || die "no worker on n3"
say "kill -9 of worker $victim on node n3, in mid-training"
"$cluster" exec n3 kill -9 "$victim"

code=0
wait "$job" || code=$?
job=
((code == 0)) || die "the job ended with exit code $code"
grep -q 'SIGKILL; restarting all 12 workers (restart 1 of 2)' "$log" || die "no word of the restart"
grep -q '^resumed from' "$log" || die "the training did not resume from its checkpoint"
grep -q '^epoch 2 of 3: loss' "$log" || die "the training did not reach its last epoch"
left=$("$cluster" exec n3 pgrep -cu trainer || true)
((left == 0)) || die "$left processes are left on n3"

"$cluster" run rm -f checkpoint.pt

say "shown: 12 workers on 4 nodes; one was killed; all restarted, resumed and finished; none is left"
if [[ -n $keep ]]; then
    cat <<END
The cluster runs on. Try:
  $cluster run ${line[*]}
  $cluster run srun -N4 --torchelastic --no-python sh -c 'echo rank \$RANK of \$WORLD_SIZE on \$(hostname)'
  $cluster run sinfo
  $cluster down
END
else
    echo "contrib/slurm/quickstart.sh --keep leaves the cluster running, to try more."
fi
