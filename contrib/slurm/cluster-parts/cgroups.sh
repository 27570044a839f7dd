#!/bin/bash
# The control groups of a cluster that asked for them: below the group of whoever starts it, one
# group per node in every hierarchy. A node sees its own as the root, so that its slurmd makes
# slurm_n1/uid_2077/job_1 in it and clusters side by side do not meet. Version 1 only.
# Part of contrib/slurm/cluster, which sources it.
# shellcheck disable=SC2154

readonly hierarchies=(/sys/fs/cgroup/{freezer,cpuset,memory,devices,cpuacct,cpu})

require_cgroups() {
    local hierarchy
    for hierarchy in "${hierarchies[@]}"; do
        [[ -w $hierarchy/cgroup.procs ]] ||
            die "--cgroups needs control groups of version 1, and there is no $hierarchy here"
    done
}

# own_group HIERARCHY: the folder of the group this very process is in.
own_group() {
    awk -F: -v controller="${1##*/}" '$2 ~ "(^|,)" controller "(,|$)" { print $3 }' \
        /proc/self/cgroup | sed "s|^|$1|; s|/\$||"
}

# Called by who starts the cluster, whose groups are the parents.
make_groups() {
    local hierarchy parent group
    for hierarchy in "${hierarchies[@]}"; do
        parent=$(own_group "$hierarchy")
        group=$parent/torchelastic-$name
        mkdir "$group"
        [[ ! -e $group/cpuset.cpus ]] || {
            cat "$parent/cpuset.cpus" >"$group/cpuset.cpus"
            cat "$parent/cpuset.mems" >"$group/cpuset.mems"
            echo 1 >"$group/cgroup.clone_children"
        }
        echo "$hierarchy $group"
    done >"$state/etc/groups"
}

# join_groups NODE: puts the shell that calls it into the node's groups, for good.
join_groups() {
    local hierarchy group
    while read -r hierarchy group; do
        mkdir -p "$group/$1"
        echo "$BASHPID" >"$group/$1/cgroup.procs"
    done <"$state/etc/groups"
}

# mount_groups NODE: in the mounts of the node.
mount_groups() {
    local hierarchy group
    while read -r hierarchy group; do
        mount --bind "$group/$1" "$hierarchy"
    done <"$state/etc/groups"
}

# remove_groups [NODE]: all or one node's, when no process is in them any more.
remove_groups() {
    local group
    while read -r group; do
        await 10 remove_group "$group${1:+/$1}" || return
    done < <(find /sys/fs/cgroup -type d -name "torchelastic-$name" 2>/dev/null)
}

# The kernel lets go of a group a moment after the group's last process.
remove_group() {
    [[ ! -d $1 ]] || find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
}

# Prints lines for slurm.conf. Binding wants processors that there are; memory is pretended.
configure_cgroups() {
    cat <<END
ProctrackType=proctrack/cgroup
TaskPlugin=task/affinity,task/cgroup
SelectTypeParameters=CR_Core_Memory
DefMemPerNode=4000
END
    cat >"$state/etc/cgroup.conf" <<END
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
ConstrainCores=yes
ConstrainRAMSpace=yes
ConstrainDevices=yes
END
}

# The processors of this machine as slurm.conf describes them.
real_processors() { slurmd -C | grep -o 'CPUs=.*ThreadsPerCore=[0-9]*'; }
