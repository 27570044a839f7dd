#!/bin/bash
# Builds the project, warnings as errors, and runs its unit tests inside roots of newer Debian
# releases: other compilers, other Asio, fmt, Slurm and PMIx than the ones it is written with.
# A stack that cannot be installed today is skipped, loudly; one that does not build or whose
# tests fail is a failure. Everything happens in private mount and pid namespaces, so that
# neither a mount nor a process outlives the run, however it ends.
set -euo pipefail

readonly suites=(trixie forky)
readonly packages=(
    g++ cmake ninja-build pkg-config python3
    libasio-dev libspdlog-dev libfmt-dev nlohmann-json3-dev libexpected-dev libsodium-dev
    libslurm-dev libpmix-dev libhwloc-dev libgtest-dev libbenchmark-dev
)
readonly keep_days=30  # then a root is made anew: both suites still move

usage() {
    cat <<END
usage: tests/stacks.sh [--cache DIR] [${suites[*]}]...

Builds and tests in each named Debian release, by default in all of them. Needs root.

  --cache DIR   where the roots live (default: \$TORCHELASTIC_STACKS,
                else /var/cache/torchelastic/stacks)

Exit code: 0 unless a stack that could be installed does not build or pass; 2 for misuse.
END
}

die() {
    echo "stacks.sh: $*" >&2
    exit 2
}

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
source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The outer half: only holds the namespaces' life. When it goes, even by SIGKILL, setpriv's
# signal ends unshare, and unshare's the first process of the pid namespace, and so all of them.
if [[ -z ${TORCHELASTIC_STACKS_INSIDE:-} || $$ != 1 ]]; then
    ((EUID == 0)) || die "needs root, for chroot and mount"
    unshare --mount --pid --fork true || die "this machine does not allow mount or pid namespaces"
    mkdir -p "$cache"
    cache=$(cd "$cache" && pwd)
    TORCHELASTIC_STACKS_INSIDE=1 setpriv --pdeathsig KILL \
        unshare --mount --pid --fork --kill-child --mount-proc \
        bash "$source_tree/tests/stacks.sh" --cache "$cache" "${chosen[@]}" &
    inner=$!
    trap 'kill -KILL $inner 2>/dev/null || true; wait $inner 2>/dev/null || true' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    wait $inner
    exit
fi

# --- what this machine's apt knows about its mirror -----------------------------------------

# Prints "SITE KEYRING" of the source of this machine's own release: the mirror is not named here.
mirror() {
    local codename
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    apt-get indextargets 'Created-By: Packages' 'Component: main' | awk -v RS= -v want="$codename" '
        function field(name) {
            return match($0, "(^|\n)" name ": [^\n]*") \
                ? substr($0, RSTART, RLENGTH) : ""
        }
        function value(line) { sub(/^\n?[^:]*: /, "", line); return line }
        value(field("Origin")) == "Debian" && value(field("Label")) == "Debian" &&
                (value(field("Codename")) == want || value(field("Suite")) == want) &&
                value(field("Release")) !~ /-/ {
            print value(field("Site")), value(field("Signed-By"))
            exit
        }'
}

# apt's settings that decide how, and under which checks, a mirror is reached.
acquire_settings() {
    apt-config dump Acquire | grep -E \
        '^Acquire::((http|https)::|Retries|ForceIPv|Check-Valid-Until|Check-Date|Max-ValidTime)' |
        grep -v 'Proxy-Auto-Detect' || true
}

# One file with every key that may sign a suite: the source's own or Debian's, and the newer
# release's keyring package, itself verified when that root was made, for suites that the
# machine's package is too old for.
collect_keys() {
    local own=$1 into=$2 keyring
    : >"$into"
    for keyring in "${own:-/usr/share/keyrings/debian-archive-keyring.gpg}" \
        "$cache"/*/usr/share/keyrings/debian-archive-keyring.gpg; do
        [[ ! -s $keyring ]] || cat "$keyring" >>"$into"
    done
    [[ -s $into ]]
}

# --- roots ----------------------------------------------------------------------------------

in_root() {
    local root=$1
    shift
    # shellcheck disable=SC2016
    env -i TERM="${TERM:-dumb}" HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        ${no_proxy:+no_proxy="$no_proxy"} \
        unshare --mount sh -ec '
            root=$1 source_tree=$2
            shift 2
            mkdir -p "$root/src"
            mount --bind -o ro "$source_tree" "$root/src"
            mount --rbind /dev "$root/dev"
            mount --rbind /sys "$root/sys"
            mount -t proc proc "$root/proc"
            mount -t tmpfs tmpfs "$root/dev/shm"
            mount -t tmpfs tmpfs "$root/tmp"
            exec chroot "$root" "$@"' sh "$root" "$source_tree" "$@"
}

wanted() { printf '%s\n' "${packages[@]}" | sort; }

# A root carries its list of packages only once all of them are in it.
whole() { [[ -s $1/stack.packages ]]; }
complete() { whole "$1" && [[ $(<"$1/stack.packages") == "$(wanted)" ]]; }
fresh() { [[ -z $(find "$1/stack.made" -mtime +"$keep_days") ]]; }

install_packages() {
    local root=$1 suite=$2 site=$3 keys=$4
    install -m 644 "$keys" "$root/usr/share/keyrings/stack.gpg"
    echo "deb [signed-by=/usr/share/keyrings/stack.gpg] $site $suite main" \
        >"$root/etc/apt/sources.list"
    {
        acquire_settings
        echo 'Acquire::Languages "none";'
        echo 'APT::Install-Recommends "false";'
    } >"$root/etc/apt/apt.conf.d/90stack"
    printf '%s\n' force-unsafe-io path-exclude=/usr/share/{doc,man,locale,info}/'*' \
        >"$root/etc/dpkg/dpkg.cfg.d/stack"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"

    in_root "$root" apt-get -q -o APT::Update::Error-Mode=any update || return
    rm -rf "$root/stack.packages" "$root/build"  # objects of other headers and compilers
    in_root "$root" apt-get -qy -o Dpkg::Use-Pty=0 install "${packages[@]}" || return
    in_root "$root" apt-get clean || return
    wanted >"$root/stack.packages.new"
    mv "$root/stack.packages.new" "$root/stack.packages"
}

make_root() {
    local root=$1 suite=$2 site=$3 keys=$4
    local new=$cache/.$suite.new
    rm -rf --one-file-system "$new"
    # Debootstrap knows no suite younger than itself; sid's script makes all of today's.
    unshare --mount debootstrap --variant=minbase --keyring="$keys" \
        "$suite" "$new" "$site" sid || return
    install_packages "$new" "$suite" "$site" "$keys" || return
    touch "$new/stack.made"
    rm -rf --one-file-system "$root"
    mv "$new" "$root"
}

need_tools() {
    local debian=()
    command -v debootstrap >/dev/null || debian+=(debootstrap)
    [[ -s /usr/share/keyrings/debian-archive-keyring.gpg ]] || debian+=(debian-archive-keyring)
    ((${#debian[@]} == 0)) ||
        DEBIAN_FRONTEND=noninteractive apt-get -qy -o DPkg::Lock::Timeout=300 \
            --no-install-recommends install "${debian[@]}"
}

# Brings the suite's root up to date, or says on standard output, as its last line, why it cannot.
ready_root() {
    local suite=$1 root=$cache/$1 site signed_by proxy=
    local keys=$cache/.$suite.keys
    need_tools || return
    read -r site signed_by < <(mirror) || true
    [[ -n ${site:-} ]] || {
        echo "E: this machine's apt lists no mirror of Debian (apt-get update may be due)"
        return 1
    }
    [[ -f ${signed_by:-} ]] || signed_by=
    collect_keys "$signed_by" "$keys" || {
        echo "E: no keyring to verify Debian with"
        return 1
    }
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    [[ -z $proxy ]] || export http_proxy=$proxy  # debootstrap's wget does not read apt's settings

    if whole "$root" && fresh "$root"; then
        echo "stack $suite: the list of packages changed, installing into the root"
        install_packages "$root" "$suite" "$site" "$keys" && return
    fi
    make_root "$root" "$suite" "$site" "$keys"
}

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
    local root=$1 build jobs total failed skipped passed and_skipped='' rc=0
    build=/build/$(md5sum <<<"$source_tree" | cut -c 1-8)
    jobs=$(nproc)
    verdict="FAILED to configure"
    in_root "$root" cmake -S /src -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug \
        -DTORCHELASTIC_WERROR=ON || return
    verdict="FAILED to build"
    in_root "$root" cmake --build "$build" -j "$jobs" -- -k 0 || return
    verdict="FAILED: the unit tests did not run"
    rm -f "$root$build/unit.xml"
    in_root "$root" ctest --test-dir "$build" -L unit -j "$jobs" --output-on-failure \
        --timeout 120 --no-tests=error --output-junit "$build/unit.xml" || rc=$?
    [[ -s $root$build/unit.xml ]] || return 1
    total=$(attribute tests "$root$build/unit.xml")
    failed=$(attribute failures "$root$build/unit.xml")
    skipped=$(($(attribute skipped "$root$build/unit.xml") +
        $(attribute disabled "$root$build/unit.xml")))
    passed=$((total - failed - skipped))
    ((skipped == 0)) || and_skipped=", $skipped skipped"
    if ((passed + failed == 0)); then
        verdict="FAILED: no unit test ran$and_skipped"
        return 1
    fi
    if ((rc != 0 || failed > 0)); then
        verdict="FAILED: $failed of $total tests failed$and_skipped"
        return 1
    fi
    verdict="built, $passed tests passed$and_skipped"
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
    build_and_test "$root" || rc=$?
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
