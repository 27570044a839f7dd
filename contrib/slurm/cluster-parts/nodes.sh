#!/bin/bash
# The nodes of a cluster as sets of Linux namespaces: how they start, how one enters them, how they
# end, and which processes are theirs. Part of contrib/slurm/cluster, which sources it.
# shellcheck disable=SC2154

# Node names do not resolve, as on some real clusters: a node's hosts file has its own name only,
# and Slurm needs no more than NodeAddr= in slurm.conf.
address() {
    if [[ $1 == login ]]; then echo "$network.254"; else echo "$network.${1#n}"; fi
}

nodes() { awk '{ print $1 }' "$state/etc/nodes"; }

require_node() { # NODE [login]
    require_up
    [[ ${1:-} == "${2:-}" && -n ${2:-} ]] || nodes | grep -qxF -e "${1:-}" ||
        die "no node '${1:-}' in cluster $name: it has $(nodes | paste -sd ' ')"
}

# Every node's /tmp is a tmpfs whose source is the node's label. So a process tells by its own mount
# table where it belongs: there is no pid file to trust, nothing is ever ended by its name, and what
# a crashed "up" left behind is found as well.
label() { echo "torchelastic:$name/$1"; }

# processes [NODE]: the machine's numbers of the processes of the cluster, or of one node.
processes() {
    local pattern
    if (($#)); then pattern=" $(label "$1") "; else pattern=" $(label '')"; fi
    { grep -lsF -e "$pattern" /proc/[0-9]*/mountinfo || :; } | cut -d/ -f3
}

# slay [NODE]: SIGKILL until none is left.
slay() {
    local -a pids
    local deadline=$((SECONDS + 10))
    while mapfile -t pids < <(processes "$@") && ((${#pids[@]})); do
        ((SECONDS <= deadline)) || return 1
        kill -KILL "${pids[@]}" 2>/dev/null || :
        sleep 0.02
    done
}

# init_of NODE: its first process, if the node is alive.
init_of() {
    local pid
    pid=$(cat "$state/run/$1.pid" 2>/dev/null) &&
        grep -qsF -e " $(label "$1") " "/proc/$pid/mountinfo" && echo "$pid"
}

require_up() { init_of login >/dev/null || die "cluster $name is not up: run 'cluster up'"; }

require_alive() { init_of "$1" >/dev/null || die "$1 is dead: run 'cluster boot $1'"; }

# enter NODE: sets "entered", which makes root's command from one of this machine one on the node. A
# process on the login node has the machine's process table, so that nothing stands between "cluster
# run" and its command; the other nodes have their own, where nsenter has to wait for the command:
# if nsenter is told to end, so is the command.
enter() {
    local pid
    pid=$(init_of "$1") || return
    entered=(nsenter -t "$pid" --net --uts --ipc --mount --root)
    [[ $1 == login ]] || entered+=(--pid setpriv --pdeathsig TERM)
    entered+=("${as_root[@]}")
}

on_login() {
    local -a entered
    enter login && "${entered[@]}" "$@"
}

# Start a node. setsid --fork: a Ctrl-C of the caller is none of its business, and unlike with "&"
# it does not begin with SIGINT ignored, which all its jobs would inherit.
power_on() {
    local -a isolate=(unshare --net --uts --ipc --mount)
    [[ $1 == login ]] || isolate+=(--pid --fork --kill-child)
    rm -f "$state/run/$1.pid"
    (
        if [[ -e $state/etc/groups ]]; then
            isolate+=(--cgroup)
            join_groups "$1"
        fi
        exec setsid --fork "${as_root[@]}" "${isolate[@]}" \
            "$BASH" "$script" --name "$name" inside "$1"
    ) </dev/null >"$state/log/$1.boot" 2>&1 {lock}<&-
}

# The first process of a node. On all nodes but login it is process 1: what loses its parent becomes
# its child and bash reaps it; when it dies, the kernel ends everything on the node.
inside() {
    local node=$1 pid rest
    read -r pid rest </proc/self/stat # the machine's number: this still is the machine's /proc
    hostname "$node"
    mount_private_folders "$node"
    ip link set lo up
    if [[ $node == login ]]; then
        build_switch
        start_controller
    else
        plug_in "$node" "/proc/$(init_of login)/ns/net"
        mount -t proc proc /proc
        slurmd
    fi
    echo "$pid" >"$state/run/$node.pid.new"
    mv "$state/run/$node.pid.new" "$state/run/$node.pid"
    exec {never}<> <(:)
    while :; do read -r -u "$never" rest || :; done
}

mount_private_folders() {
    local node=$1 dir staged n=0
    # /tmp is about to hide shared folders below it: keep them at hand meanwhile.
    while read -r dir; do
        staged=$state/run/staged/$((n += 1))
        mount --bind "$dir" "$staged"
    done <"$state/etc/shared"
    mount -t tmpfs -o mode=1777 "$(label "$node")" /tmp
    mount -t tmpfs -o mode=1777 shm /dev/shm
    n=0
    while read -r dir; do
        staged=$state/run/staged/$((n += 1))
        mkdir -p "$dir"
        mount --move "$staged" "$dir"
    done <"$state/etc/shared"
    [[ ! -e $state/etc/groups ]] || mount_groups "$node"
    mount --bind "$state/etc/hosts.$node" /etc/hosts
    mount --bind "$state/etc/passwd" /etc/passwd
    mount --bind "$state/etc/group" /etc/group
}

build_switch() {
    ip link add switch type bridge
    ip addr add "$(address login)/24" dev switch
    ip link set switch up
}

start_controller() {
    munged --key-file="$state/munge/key" --socket="$state/munge/socket" \
        --pid-file="$state/munge/pid" --log-file="$state/munge/log" --seed-file="$state/munge/seed"
    [[ ! -e $state/etc/slurmdbd.conf ]] || start_accounting
    slurmctld
}

# plug_in NODE SWITCH: lay a cable from the node to the switch's network namespace. The fixed
# hardware address spares the others a minute of looking for the old one when the node comes back.
plug_in() {
    local node=$1 switch=$2
    ip link add eth0 address "$(printf '02:00:0a:4d:00:%02x' "${node#n}")" \
        type veth peer name "$node" netns "$switch"
    nsenter --net="$switch" ip link set "$node" master switch up
    ip addr add "$(address "$node")/24" dev eth0
    ip link set eth0 up
}
