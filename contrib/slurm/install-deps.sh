#!/bin/bash
# Installs what building, testing and running need on Debian 12 and newer. Needs neither root, nor
# network, nor time when all is there. Starts no service: the cluster of contrib/slurm/cluster has
# its own slurmctld, slurmd, munged and database.
set -euo pipefail

usage() {
    cat <<'END'
usage: install-deps.sh [build] [cluster] [accounting] [torch] [test]     (default: all of them)

  build    compiler and libraries of torchelastic, its plugin and its unit tests
  cluster  Slurm, for contrib/slurm/cluster
  accounting  slurmdbd and a database, for "cluster up --accounting"
  torch    PyTorch for Debian's own python3, for the examples and the system tests
  test     what runs the system tests and checks the sources
END
}

die() {
    echo "install-deps.sh: $*" >&2
    exit 1
}

packages_of() {
    case $1 in
    build)
        echo g++ cmake ninja-build pkg-config libasio-dev libspdlog-dev libfmt-dev \
            nlohmann-json3-dev libexpected-dev libsodium-dev libslurm-dev libpmix-dev libhwloc-dev \
            libcpp-httplib-dev libgtest-dev libbenchmark-dev
        ;;
    cluster)
        echo slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge \
            iproute2 util-linux procps hostname
        ;;
    # The database's programs alone: no service, no account of its own.
    accounting) echo slurmdbd slurm-wlm-mysql-plugin mariadb-server-core ;;
    torch) echo python3-torch python3-numpy ;;
    test)
        echo python3 libtorch-dev clang-format clang-tidy shellcheck \
            zsh tcsh mandoc groff-base etcd-server openssl openmpi-bin python3-mpi4py
        ;;
    *) die "unknown set '$1': build, cluster, accounting, torch or test" ;;
    esac
}

is_installed() {
    dpkg-query --show --showformat='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# Debian starts the daemons of a package that it installs, unless this file says no.
readonly policy=/usr/sbin/policy-rc.d

keep_services_off() {
    [[ ! -e $policy ]] || return 0
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

case ${1:-} in
-h | --help) usage && exit ;;
'') set -- build cluster accounting torch test ;;
esac

missing=()
for group in "$@"; do
    packages=$(packages_of "$group")
    for package in $packages; do
        is_installed "$package" || missing+=("$package")
    done
done
if ((${#missing[@]} == 0)); then
    echo "install-deps.sh: all of $* is installed"
    exit
fi

((EUID == 0)) || die "needs root to install ${missing[*]}"
echo "install-deps.sh: installs ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get --quiet --quiet --option DPkg::Lock::Timeout=600)
keep_services_off
"${apt[@]}" update
"${apt[@]}" install --yes --no-install-recommends "${missing[@]}"
