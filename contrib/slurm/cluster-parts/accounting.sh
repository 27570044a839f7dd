#!/bin/bash
# What sacct asks: slurmdbd, and a MariaDB of the cluster's own below it. The database lives in
# memory, in a folder that only root on the login node sees, and listens on a socket in it alone, so
# that it need not ask for a password. Part of contrib/slurm/cluster, which sources it.
# shellcheck disable=SC2154

require_database() {
    local program
    for program in slurmdbd mariadbd sacctmgr; do
        type -P "$program" >/dev/null ||
            die "--accounting needs $program: run contrib/slurm/install-deps.sh accounting"
    done
}

# Prints lines for slurm.conf.
configure_accounting() {
    cat <<END
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=$(address login)
AccountingStoragePass=$state/munge/socket
JobAcctGatherType=jobacct_gather/linux
END
    (umask 077 && cat >"$state/etc/slurmdbd.conf") <<END
DbdHost=login
DbdAddr=$(address login)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$state/munge/socket
PidFile=$state/run/slurmdbd.pid
LogFile=$state/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=accounting
END
}

database() {
    mariadbd --no-defaults --user=root --datadir="$state/database" \
        --socket="$state/database/socket" --pid-file="$state/run/mariadbd.pid" \
        --skip-networking --skip-grant-tables --skip-log-bin --silent-startup \
        --performance-schema=off --innodb-flush-log-at-trx-commit=0 \
        --innodb-flush-method=nosync --innodb-doublewrite=0 --innodb-buffer-pool-size=32M \
        --innodb-file-per-table=0 --innodb-lock-wait-timeout=900 --innodb-log-file-size=8M \
        --aria-log-file-size=8M \
        --innodb-data-file-path=ibdata1:4M:autoextend \
        --innodb-temp-data-file-path=ibtmp1:4M:autoextend "$@"
}

# Called on the login node, before its slurmctld starts. The system tables alone take a third of a
# second, where mariadb-install-db needs many.
start_accounting() {
    local log=$state/log/mariadbd.log tables=/usr/share/mysql/mysql_system_tables.sql
    [[ -e $tables ]] || tables=/usr/share/mariadb/mariadb_system_tables.sql
    mkdir "$state/database"
    mount -t tmpfs -o mode=700 database "$state/database"
    { printf 'create database mysql;\nuse mysql;\n'; cat "$tables"; } |
        database --bootstrap >>"$log" 2>&1
    database >>"$log" 2>&1 &
    await 20 test -S "$state/database/socket" || return
    MYSQL_UNIX_PORT=$state/database/socket slurmdbd
    await 20 sacctmgr --immediate add cluster "$name" >/dev/null 2>&1
}
