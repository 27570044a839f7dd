#!/bin/bash
# Roots of Debian releases, for scripts that build or install in them; to be sourced. Everything
# happens in private mount and pid namespaces, so that neither a mount nor a process outlives the
# script, however it ends. Who sources this sets:
#   cache         where the roots live, one folder per release
#   source_tree   mounted at /src of every root, read-only
#   packages      what a root has beyond the smallest Debian
#   dpkg_options  lines for dpkg's configuration in a root
# shellcheck disable=SC2154

readonly keep_days=30  # then a root is made anew: releases move

die() {
    echo "${0##*/}: $*" >&2
    exit 2
}

# in_namespaces SCRIPT ARGUMENT...: runs it as the first process of namespaces of its own, in which
# this returns at once; outside it does not return. The outer half only holds the namespaces' life:
# when it goes, even by SIGKILL, setpriv's signal ends unshare, and unshare's the first process of
# the pid namespace, and so all of them.
in_namespaces() {
    [[ -z ${TORCHELASTIC_ROOTS_INSIDE:-} || $$ != 1 ]] || return 0
    ((EUID == 0)) || die "needs root, for chroot and mount"
    unshare --mount --pid --fork true || die "this machine does not allow mount or pid namespaces"
    TORCHELASTIC_ROOTS_INSIDE=1 setpriv --pdeathsig KILL \
        unshare --mount --pid --fork --kill-child --mount-proc bash "$@" &
    inner=$!
    trap 'kill -KILL $inner 2>/dev/null || true; wait $inner 2>/dev/null || true' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    wait $inner
    exit
}

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
            mount --bind "$root" "$root"  # who unshares mounts in there wants / to be one
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
    printf '%s\n' force-unsafe-io "${dpkg_options[@]}" >"$root/etc/dpkg/dpkg.cfg.d/stack"
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
