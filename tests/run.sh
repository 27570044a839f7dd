#!/bin/bash
# Installs what is missing, builds, and runs every test. Needs root on Debian 12 or newer: the
# system tests make network namespaces. Fails if anything fails, and if anything was skipped.
set -euo pipefail

usage() {
    cat <<'END'
usage: run.sh [--quick] [--allow-skips]

  --quick        leave out the sanitizers' builds and the other Debian releases
  --allow-skips  a test that cannot run here is no failure
END
}

quick=
allow_skips=
for argument; do
    case $argument in
    -h | --help) usage && exit ;;
    --quick) quick=yes ;;
    --allow-skips) allow_skips=yes ;;
    *) usage >&2 && exit 2 ;;
    esac
done

repository=$(readlink -f "$(dirname "$(readlink -f "$0")")/..")
cd "$repository"
results=()
failing=()
failed=0

# stage NAME COMMAND...: runs it, notes how it ended and how long it took; goes on in any case.
stage() {
    local name=$1 begin=$SECONDS word=passed
    shift
    printf '\n=== %s\n' "$name"
    "$@" || { word=FAILED; failed=1; }
    results+=("$(printf '%-28s %-6s %4d s' "$name" "$word" $((SECONDS - begin)))")
    [[ $word == passed ]]
}

build() { # PRESET
    cmake --preset "$1" >/dev/null && cmake --build --preset "$1" -- -k 0
}

# Skipped tests are failures unless they were allowed: nobody would see them.
run_tests() { # BUILD-DIR CTEST-OPTION...
    local folder=$1 log
    shift
    log=$(mktemp)
    local code=0
    ctest --test-dir "$folder" --output-on-failure --no-tests=error --parallel 2 "$@" 2>&1 |
        tee "$log" || code=1
    mapfile -t -O "${#failing[@]}" failing \
        < <(sed -n "s|^\t *[0-9]* - \(.*\)|$folder: \1|p" "$log")
    if [[ -z $allow_skips ]] && grep -q '(Skipped)$\|\*\*\*Skipped' "$log"; then
        echo "run.sh: tests were skipped (--allow-skips lets that pass)"
        code=1
    fi
    rm -f "$log"
    return "$code"
}

format() {
    find launcher spank pmix_rdzv etcd_rdzv http_health tests '(' -name '*.h' -o -name '*.cpp' ')' -print0 |
        xargs -0 clang-format --dry-run --Werror
}

tidy() {
    find launcher spank pmix_rdzv etcd_rdzv http_health -name '*.cpp' -print0 |
        xargs -0 -P 2 -n 4 clang-tidy -p build --quiet
}

scripts() {
    grep -rlE --exclude='*.py' '^#!/bin/(ba)?sh' .ci contrib tests | xargs shellcheck --severity=warning
}

stage "dependencies" contrib/slurm/install-deps.sh || exit 1
stage "format" format || true
stage "shell scripts" scripts || true
if stage "build" build release; then
    # Steps in containers need a root of another release: behind "Debian 13 and forky".
    stage "tests" run_tests build --label-exclude '^container$' || true
fi
if [[ -z $quick ]]; then
    stage "clang-tidy" tidy || true
    if stage "build, ASan and UBSan" build asan; then
        stage "tests, ASan and UBSan" run_tests build-asan || true
    fi
    if stage "build, TSan" build tsan; then
        stage "unit tests, TSan" run_tests build-tsan --label-regex unit || true
    fi
    stage "Debian packages" tests/package.sh || true
    stage "Debian 13 and forky" tests/stacks.sh || true
    stage "steps in containers" run_tests build --label-regex '^container$' || true
    stage "quickstart" env TORCHELASTIC_CLUSTER=quickstart contrib/slurm/quickstart.sh || true
fi

printf '\n=== summary\n'
printf '%s\n' "${results[@]}"
((${#failing[@]} == 0)) || printf '%s\n' "${failing[@]}"
exit "$failed"
