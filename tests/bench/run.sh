#!/bin/bash
# Measures the main job, and agents that meet by c10d, side by side with this machine's torchrun, and
# ten thousand agents of one job, and prints Markdown for docs/benchmarks.md. Needs root on Debian 12
# or newer, and a machine that does nothing else. Options are those of the programs here.
# TORCHELASTIC_BUILD_DIR: a Release build that is there already.
set -euo pipefail

repository=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
cd "$repository"
if [[ -z ${TORCHELASTIC_BUILD_DIR:-} && "$*" != *--build-dir* ]]; then
    {
        contrib/slurm/install-deps.sh build cluster torch
        cmake --preset release
        cmake --build --preset release --target torchelastic spank_torchelastic swarm
    } >&2
fi
python3 tests/bench/launch.py "$@"
echo
python3 tests/bench/output.py "$@"
echo
python3 tests/bench/slurm.py "$@"
echo
python3 tests/bench/nodes.py "$@"
echo
python3 tests/bench/calm.py --calm 60 "$@"
echo
python3 tests/bench/swarm.py "$@"
