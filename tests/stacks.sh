#!/bin/bash
# Builds the project, warnings as errors, and runs its unit tests inside roots of newer Debian
# releases: other compilers, other Asio, fmt, Slurm and PMIx than the ones it is written with. There
# it also holds the workers' store against the torch of that release, and runs the plugin and the
# main job, with a restart, on a cluster with that release's Slurm.
# A stack that cannot be installed today is skipped, loudly; one that does not build or whose
# tests fail is a failure.
set -euo pipefail

readonly suites=(trixie forky)
readonly packages=(
    g++ cmake ninja-build pkg-config python3
    libasio-dev libspdlog-dev libfmt-dev nlohmann-json3-dev libexpected-dev libsodium-dev
    libslurm-dev libpmix-dev libhwloc-dev libcpp-httplib-dev libgtest-dev libbenchmark-dev
    libtorch-dev python3-torch
    slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge iproute2 util-linux procps hostname
    openmpi-bin python3-mpi4py
)
# forky's Slurm comes without its plugin for PMIx.
readonly everywhere='spank|plugin_missing|plugin_unused|step_options|step_nodes|restart|agent_killed|cgroups|mpirun'
declare -rA on_cluster=([trixie]="^system\\.($everywhere|pmix)$" [forky]="^system\\.($everywhere)$")
readonly dpkg_options=(path-exclude=/usr/share/{doc,man,locale,info}/'*')

usage() {
    cat <<END
usage: tests/stacks.sh [--cache DIR] [${suites[*]}]...

Builds and tests in each named Debian release, by default in all of them. Needs root.

  --cache DIR   where the roots live (default: \$TORCHELASTIC_STACKS,
                else /var/cache/torchelastic/stacks)

Exit code: 0 unless a stack that could be installed does not build or pass; 2 for misuse.
END
}

source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/roots.sh
. "$source_tree/tests/roots.sh"

cache=${TORCHELASTIC_STACKS:-/var/cache/torchelastic/stacks}
chosen=()
while (($#)); do
    case $1 in
        --cache)
            (($# > 1)) || die "--cache needs a directory"
            cache=$2
            shift
            ;;
        --cache=*) cache=${1#--cache=} ;;
        -h | --help) usage && exit ;;
        *)
            [[ " ${suites[*]} " == *" $1 "* ]] || die "unknown stack: $1 (known: ${suites[*]})"
            chosen+=("$1")
            ;;
    esac
    shift
done
((${#chosen[@]})) || chosen=("${suites[@]}")
in_namespaces "$source_tree/tests/stacks.sh" --cache "$cache" "${chosen[@]}"
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

# --- stacks ---------------------------------------------------------------------------------

header() {
    local root=$1 suite=$2
    echo "== stack $suite: Debian $(<"$root/etc/debian_version")"
    # shellcheck disable=SC2016
    in_root "$root" dpkg-query -W -f '${Package} ${Version}\n' "${packages[@]}" |
        sed -E 's/ [0-9]+:/ /; s/( [^-+]*)[-+].*/\1/' | pr -t -4 -w 116 -l $(((${#packages[@]} + 3) / 4))
    sed -n 's/^Acquire::\(Check-[^ ]*\) "\(false\|no\|0\)";$/note: as on this machine, apt has \1 off/p' \
        "$root/etc/apt/apt.conf.d/90stack"
}

# Prints one number of the <testsuite> that opens ctest's JUnit file.
attribute() {
    awk -v RS='>' -v name="$1" '
        /<testsuite/ {
            match($0, "[ \t\n]" name "=\"[0-9]+\"")
            split(substr($0, RSTART, RLENGTH), part, "\"")
            print part[2] + 0
            exit
        }' "$2"
}

# Prints everything of the build; leaves the verdict in $verdict. Each source tree has a build
# directory of its own: times of files say nothing between two trees.
build_and_test() {
    local root=$1 suite=$2 build jobs so_far
    build=/build/$(md5sum <<<"$source_tree" | cut -c 1-8)
    jobs=$(nproc)
    verdict="FAILED to configure"
    in_root "$root" cmake -S /src -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug \
        -DTORCHELASTIC_WERROR=ON || return
    verdict="FAILED to build"
    in_root "$root" cmake --build "$build" -j "$jobs" -- -k 0 || return
    run_tests "$root" "$build" ctest -L '^(unit|torch)$' -j "$jobs" || return
    so_far=$verdict
    # Debian's torch 2 is built without libuv, which its stores ask for unless told.
    run_tests "$root" "$build" USE_LIBUV=0 ctest -R "${on_cluster[$suite]}" || return
    verdict="built, $so_far; on its Slurm $verdict"
}

# run_tests ROOT BUILD [VARIABLE=VALUE]... ctest OPTION...: leaves the verdict in $verdict.
run_tests() {
    local root=$1 build=$2 total failed skipped passed and_skipped='' rc=0
    shift 2
    verdict="FAILED: the tests did not run"
    rm -f "$root$build/tests.xml"
    in_root "$root" env "$@" --test-dir "$build" --output-on-failure \
        --timeout 200 --no-tests=error --output-junit "$build/tests.xml" || rc=$?
    [[ -s $root$build/tests.xml ]] || return 1
    total=$(attribute tests "$root$build/tests.xml")
    failed=$(attribute failures "$root$build/tests.xml")
    skipped=$(($(attribute skipped "$root$build/tests.xml") +
        $(attribute disabled "$root$build/tests.xml")))
    passed=$((total - failed - skipped))
    ((skipped == 0)) || and_skipped=", $skipped skipped"
    if ((passed + failed == 0)); then
        verdict="FAILED: no test ran$and_skipped"
        return 1
    fi
    if ((rc != 0 || failed > 0)); then
        verdict="FAILED: $failed of $total tests failed$and_skipped"
        return 1
    fi
    verdict="$passed tests passed$and_skipped"
}

boxed() {
    local bar
    bar=$(printf '%96s' '' | tr ' ' '#')
    printf '%s\n' "" "$bar" "${@/#/#  }" "$bar" "" >&2
}

# One stack from nothing to its verdict.
stack() {
    local suite=$1 root=$cache/$1 log=$cache/$1.log lock why tail rc=0
    exec {lock}>"$cache/$suite.lock"
    flock -n "$lock" || { echo "stack $suite: another run uses its root, waiting" && flock "$lock"; }
    if ! complete "$root" || ! fresh "$root"; then
        echo "== stack $suite: making its root (details: $log)"
        if ! ready_root "$suite" >"$log" 2>&1; then
            why=$(grep '^E: ' "$log" | tail -n 1 || true)
            [[ -n $why ]] || why=$(tail -n 1 "$log")
            mapfile -t tail < <(tail -n 8 "$log" | cut -c 1-92)
            if ! complete "$root"; then
                rm -rf --one-file-system "$cache/.$suite.new"
                verdict="SKIPPED: could not be installed: $why"
                boxed "stack $suite: $verdict" "" "${tail[@]}"
                exec {lock}>&-
                return 0
            fi
            boxed "stack $suite: could not be renewed, its old root stays in use: $why"
        fi
    fi
    header "$root" "$suite"
    build_and_test "$root" "$suite" || rc=$?
    exec {lock}>&-
    return "$rc"
}

summary=()
skips=()
status=0
for suite in "${chosen[@]}"; do
    verdict=
    stack "$suite" || status=1
    summary+=("stack $suite: $verdict")
    [[ $verdict != SKIPPED* ]] || skips+=("stack $suite: $verdict")
done
echo
printf '%s\n' "${summary[@]}"
((${#skips[@]} == 0)) || boxed "${skips[@]}" "nothing is known about the stacks named above"
exit "$status"
