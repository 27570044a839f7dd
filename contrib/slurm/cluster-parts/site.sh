#!/bin/bash
# The files of a cluster: users, configuration of Slurm, stand-in devices, copies of the programs.
# Part of contrib/slurm/cluster, which sources it.
# shellcheck disable=SC2154

write_state() { # GPUS...
    local node gpus n=0 uid
    mkdir -p "$clusters"
    mkdir -p "$state"/{etc,run/staged,log,spool,save,dev,munge,home,opt}
    chmod 755 "$clusters" "$state" "$state"/*

    for gpus in "$@"; do echo "n$((n += 1)) $gpus"; done >"$state/etc/nodes"
    for node in login $(nodes); do
        printf '127.0.0.1 localhost\n::1 localhost\n%s %s\n' "$(address "$node")" "$node" \
            >"$state/etc/hosts.$node"
    done

    for ((uid = 2077; ; uid++)); do
        getent passwd $uid >/dev/null || getent group $uid >/dev/null || break
    done
    { grep -v "^$user:" /etc/passwd; echo "$user:x:$uid:$uid::$state/home:/bin/bash"; } \
        >"$state/etc/passwd"
    { grep -v "^$user:" /etc/group; echo "$user:x:$uid:"; } >"$state/etc/group"
    chown $uid:$uid "$state/home"
    ln -s ../opt/examples "$state/home/examples"
    ln -s examples/train.py "$state/home/train.py"
    ln -s ../opt/contrib "$state/home/contrib"

    head -c 1024 /dev/urandom >"$state/munge/key"
    chmod 400 "$state/munge/key"
    write_slurm_conf
}

write_slurm_conf() {
    local node gpus gres processors memory=1000
    local -a own
    cat >"$state/etc/slurm.conf" <<END
ClusterName=$name
SlurmctldHost=login($(address login))
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$state/munge/socket,cred_expire=10
CredType=cred/munge
StateSaveLocation=$state/save
SlurmdSpoolDir=$state/spool/%n
SlurmctldPidFile=$state/run/slurmctld.pid
SlurmdPidFile=$state/run/slurmd.%n.pid
SlurmctldLogFile=$state/log/slurmctld.log
SlurmdLogFile=$state/log/slurmd.%n.log
PlugStackConfig=$state/etc/plugstack.conf
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
# notice things soon: a cluster for tests has no patience; cred_expire= above is also how long a
# requeued job waits before it starts again
SlurmdTimeout=20
KillWait=5
ReturnToService=2
SchedulerParameters=bf_interval=2,batch_sched_delay=0
# the nodes pretend to have more than the machine has
SlurmdParameters=config_overrides
END
    : >"$state/etc/gres.conf"
    [[ -z $cgroups ]] || memory=16000
    while read -r node gpus; do
        gres=
        if ((gpus)); then
            gres=Gres=gpu:$gpus
            echo "NodeName=$node Name=gpu File=$state/dev/gpu[0-$((gpus - 1))]" \
                >>"$state/etc/gres.conf"
        fi
        processors=CPUs=$((gpus > 8 ? gpus : 8))
        [[ -z $cgroups ]] || processors=$(real_processors)
        echo "NodeName=$node NodeAddr=$(address "$node") $processors RealMemory=$memory $gres"
        make_devices "$gpus"
    done <"$state/etc/nodes" >>"$state/etc/slurm.conf"
    write_partitions >>"$state/etc/slurm.conf"

    # Control groups are the machine's, not the nodes'. Slurm 22.05 leaves them alone unless asked
    # to use them; later versions have to be told so, in words that 22.05 does not understand.
    : >"$state/etc/cgroup.conf"
    [[ $(slurmd -V) == *" 2"[0-2].* ]] || echo CgroupPlugin=disabled >"$state/etc/cgroup.conf"
    mapfile -t own < <(
        [[ -z $cgroups ]] || configure_cgroups
        [[ -z $accounting ]] || configure_accounting
    )
    grant_wishes "$state/etc/slurm.conf" "${own[@]}" "${wishes[@]}"
}

# make_devices COUNT: stand-ins for GPUs, each another /dev/null; where devices are constrained by their
# numbers, devices for experiments that no driver serves: whoever may open one gets ENXIO, not EPERM.
make_devices() {
    local i numbers
    for ((i = 0; i < $1; i++)); do
        numbers="1 3"
        [[ -z $cgroups ]] || numbers="240 $i"
        # shellcheck disable=SC2086
        [[ -e $state/dev/gpu$i ]] || mknod -m 666 "$state/dev/gpu$i" c $numbers
    done
}

# The partition "all" neither preempts nor is preempted.
write_partitions() {
    local mode=${preempt%:*} own grace='' share='' always="Nodes=ALL MaxTime=INFINITE State=UP"
    echo "PartitionName=all Default=YES $always ${preempt:+PriorityTier=1 PreemptMode=OFF}"
    [[ -n $preempt ]] || return 0
    own=$mode
    [[ $preempt != *:* ]] || grace=GraceTime=${preempt#*:}
    # Slurm wakes what it suspended by its gang scheduler, for partitions that may share.
    [[ $mode != suspend ]] || mode=suspend,gang share=OverSubscribe=FORCE:1
    echo "PreemptType=preempt/partition_prio"
    echo "PreemptMode=$mode"
    echo "PartitionName=low PriorityTier=1 PreemptMode=$own $grace $share $always"
    echo "PartitionName=high PriorityTier=2 PreemptMode=OFF $share $always"
}

# grant_wishes FILE KEY=VALUE...: in place of what is there; of nodes and partitions there may be many.
grant_wishes() {
    local wish key file=$1
    shift
    for wish; do
        key=${wish%%=*}
        [[ ${key,,} =~ ^(node|partition|nodeset)name$ ]] || sed -i "/^$key=/Id" "$file"
        echo "$wish" >>"$file"
    done
}

# The user "trainer" may not be able to enter the repository, so the cluster gets copies. They are
# renamed into place: a running job keeps the file it has open.
put() { # FILE DIRECTORY
    local copy=$2/${1##*/}
    mkdir -p "$2"
    cp "$1" "$copy.new"
    chmod a+rX "$copy.new"
    mv -f "$copy.new" "$copy"
}

install_programs() {
    local agent plugin file line opt=$state/opt
    { read -r agent; read -r plugin; } <"$state/etc/programs"
    if [[ -e $agent ]]; then
        for file in "$agent" "$agent"-*; do
            [[ ! -x $file ]] || put "$file" "$opt/bin"
        done
    fi
    for file in "$repository"/contrib/slurm/examples/*; do
        [[ ! -f $file ]] || put "$file" "$opt/examples"
    done
    for file in "$repository"/contrib/slurm/*.sbatch; do put "$file" "$opt/contrib/slurm"; done
    ln -sfn ../../examples "$opt/contrib/slurm/examples"
    : >"$state/etc/plugstack.conf.new"
    if [[ -e $plugin ]]; then
        for file in "${plugin%/*}"/*.so; do put "$file" "$opt/lib/torchelastic"; done
        line="optional $opt/lib/torchelastic/${plugin##*/}"
        [[ ${agent##*/} == torchelastic ]] || line+=" agent=$opt/bin/${agent##*/}"
        echo "$line" >"$state/etc/plugstack.conf.new"
    else
        echo "cluster: no plugin at $plugin: srun stays as it is (build it, then 'cluster install')"
    fi
    mv -f "$state/etc/plugstack.conf.new" "$state/etc/plugstack.conf"
}
