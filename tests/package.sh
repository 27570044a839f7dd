#!/bin/bash
# The Debian packages, as a user meets them: made by cpack, installed by apt into the smallest root of
# this machine's release, used there, and removed without a trace. The root and what apt fetches into
# it are kept, so that a second run needs no network.
set -euo pipefail

# shellcheck disable=SC2034  # roots.sh reads them
readonly packages=() dpkg_options=()

usage() {
    cat <<'END'
usage: tests/package.sh [--cache DIR] [BUILD-DIR]

Packs what is built in BUILD-DIR (default: build) and tries the packages. Needs root.

  --cache DIR   where the root lives (default: /var/cache/torchelastic/package)
END
}

source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/roots.sh
. "$source_tree/tests/roots.sh"

cache=/var/cache/torchelastic/package
build=$source_tree/build
while (($#)); do
    case $1 in
        --cache)
            (($# > 1)) || die "--cache needs a directory"
            cache=$2
            shift
            ;;
        -h | --help) usage && exit ;;
        *) build=$1 ;;
    esac
    shift
done
[[ -e $build/CPackConfig.cmake ]] || die "nothing is configured in $build"
in_namespaces "$source_tree/tests/package.sh" --cache "$cache" "$build"
mkdir -p "$cache/archives/partial"
cache=$(cd "$cache" && pwd)
# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

# --- checks -------------------------------------------------------------------------------------

failures=0
check() { # WORDS COMMAND...
    local words=$1
    shift
    if "$@"; then
        echo "ok: $words"
    else
        echo "FAILED: $words (exit code $rc), output:"
        head -n 40 <<<"$out" | sed 's/^/    /'
        failures=$((failures + 1))
    fi
}

# inside COMMAND...: in the root; sets out (stdout and stderr) and rc.
inside() {
    rc=0
    out=$(in_root "$root" "$@" 2>&1) || rc=$?
}
ends() { ((rc == $1)); }
says() { ((rc == 0)) && grep -qE -e "$1" <<<"$out"; }
complains() { ((rc != 0)) && grep -qE -e "$1" <<<"$out"; }
has() { [[ -s $root$1 ]]; }
lacks() { [[ ! -e $root$1 ]]; }
is_silent() { [[ -z $out ]]; }
says_nothing_of() { ((rc == 0)) && ! grep -qi -e "$1" <<<"$out"; }

apt() { inside apt-get -qy -o Dpkg::Use-Pty=0 "$@"; }

# Updates apt's knowledge only when that does not do: a run without network is possible.
apt_install() {
    apt install "$@"
    ((rc == 0)) && return
    inside apt-get -q -o APT::Update::Error-Mode=any update
    ((rc != 0)) || apt install "$@"
}

# All files of the root, but for the notebooks of apt, dpkg and the loader.
files_of_root() {
    (cd "$root" && find . -xdev '(' -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/log \
        -o -path ./var/cache -o -path ./debs -o -path ./src ')' -prune -o -print | sort)
}

# --- the root -----------------------------------------------------------------------------------

begin=$SECONDS
exec {lock}>"$cache/$suite.lock"
flock "$lock"
if ! whole "$cache/$suite" || ! fresh "$cache/$suite"; then
    echo "== making a root of $suite (details: $cache/$suite.log)"
    ready_root "$suite" >"$cache/$suite.log" 2>&1 || whole "$cache/$suite" || {
        tail -n 20 "$cache/$suite.log"
        die "no root of $suite could be made"
    }
    rm -f "$cache"/archives/*.deb
fi

# A copy that is gone with the namespaces; only what apt fetches is kept.
scratch=$(mktemp -d)
mount -t tmpfs tmpfs "$scratch"
trap 'umount -l "$scratch"; rmdir "$scratch"' EXIT
mkdir "$scratch"/{upper,work,root}
mount -t overlay overlay "$scratch/root" \
    -o "lowerdir=$cache/$suite,upperdir=$scratch/upper,workdir=$scratch/work"
root=$scratch/root
mount --bind "$cache/archives" "$root/var/cache/apt/archives"

(cd "$build" && cpack -G DEB -B "$root/debs") >"$scratch/cpack.log" 2>&1 || {
    cat "$scratch/cpack.log"
    die "cpack failed"
}
version=$(sed -n 's/^set(CPACK_PACKAGE_VERSION "\(.*\)")$/\1/p' "$build/CPackConfig.cmake")
main=$(basename "$root"/debs/torchelastic_"$version"_*.deb)
plugin=$(basename "$root"/debs/torchelastic-slurm_"$version"_*.deb)

# --- torchelastic alone ----------------------------------------------------------------------------

echo "== $main in Debian $(<"$root/etc/debian_version")"
before=$(files_of_root)
apt_install "/debs/$main"
check "apt installs it with what it needs" ends 0
check "without Slurm" lacks /usr/bin/srun
inside torchelastic --version
check "it says its version" says "^torchelastic ${version//./\\.}\$"
# shellcheck disable=SC2016
inside torchelastic run --nproc-per-node=2 --no-python /bin/sh -c 'echo "rank $RANK of $WORLD_SIZE"'
check "it runs worker 0" says 'rank 0 of 2'
check "it runs worker 1" says 'rank 1 of 2'
inside /usr/lib/torchelastic/bin/torchrun --nproc-per-node=1 --no-python /bin/sh -c 'exit 7'
check "torchrun is there, and ends with the worker's code" ends 7
inside env -i torchelastic-static run --nproc-per-node=1 --no-python /bin/sh -c 'exit 6'
check "the static agent is there, and ends with the worker's code" ends 6
inside env PMIX_NAMESPACE=nowhere PMIX_RANK=0 \
    torchelastic run --rdzv-backend=pmix --nproc-per-node=1 --no-python true
check "its PMIx module loads" complains 'PMIx_Init: '
check "the manual page" has /usr/share/man/man1/torchelastic.1.gz
inside bash -c '. /usr/share/bash-completion/completions/torchelastic && complete -p torchelastic'
check "completion for bash" ends 0
check "completion for zsh" has /usr/share/zsh/vendor-completions/_torchelastic
check "copyright" has /usr/share/doc/torchelastic/copyright
check "the example" has /usr/share/doc/torchelastic/examples/train.py
apt purge --auto-remove torchelastic
check "apt removes it" ends 0
out=$(comm -13 <(echo "$before") <(files_of_root))
check "and nothing is left" is_silent

# --- with Slurm -----------------------------------------------------------------------------------

echo "== $plugin"
apt_install "/debs/$main" "/debs/$plugin" slurm-client
check "apt installs it with Slurm's client" ends 0
printf '%s\n' ClusterName=c SlurmctldHost=localhost NodeName=localhost \
    'PartitionName=p Nodes=localhost' >"$root/etc/slurm/slurm.conf"
inside srun --help
check "srun learns --torchelastic" says '^ +--torchelastic'
apt remove torchelastic
check "it goes with the program" lacks /usr/lib/torchelastic
inside srun --help
check "srun forgets --torchelastic" says_nothing_of torchelastic
check "without a complaint" says_nothing_of error:
apt purge torchelastic torchelastic-slurm
out=$(find "$root/etc" "$root/usr" "$root/var/lib" -xdev -name '*torchelastic*')
check "purged, it leaves nothing" is_silent

echo
if ((failures)); then
    echo "package.sh: $failures checks failed"
    exit 1
fi
echo "package.sh: all is well, after $((SECONDS - begin)) s"
