// The options of this release, in the order of --help.
#include "options/table.h"

namespace torchelastic::options {

const Option kOptions[] = {
    {"nnodes", 0, Kind::text, Group::job, "N|MIN:MAX", nullptr, nullptr, true, true,
     "Number of nodes, or the fewest and the most that the job may run on; what the scheduler gave "
     "if not set, else 1"},
    {"nproc-per-node", 0, Kind::text, Group::job, "N|auto|gpu|cpu|xpu", "1", "auto,gpu,cpu,xpu",
     true, true,
     "Workers on each node: a number, gpu for one per accelerator, xpu for one per GPU of Intel, "
     "cpu for one per usable CPU, or auto for accelerators where there are any and else CPUs"},
    {"standalone", 0, Kind::flag, Group::job, nullptr, nullptr, nullptr, true, false,
     "Run on this node alone, with no rendezvous"},
    {"role", 0, Kind::text, Group::job, "NAME", "default", nullptr, true, true,
     "Role of the workers: ROLE_RANK counts within it, and it appears before lines of --tee"},

    {"module", 'm', Kind::flag, Group::workers, nullptr, nullptr, nullptr, true, true,
     "Run training_script as a Python module, as python -m does"},
    {"no-python", 0, Kind::flag, Group::workers, nullptr, nullptr, nullptr, true, true,
     "Run training_script as a program of its own, without python"},
    {"run-path", 0, Kind::flag, Group::workers, nullptr, nullptr, nullptr, true, true,
     "Run training_script with runpy.run_path under torch's @record, which keeps the traceback of "
     "a failure; wins over --module and --no-python"},
    {"worker-store", 0, Kind::choice, Group::workers, "agent|rank0|auto", "auto",
     "agent,rank0,auto", true, true,
     "Who serves the store through which workers find each other: the agent, a new one for every "
     "attempt, worker rank0 as with plain PyTorch, or auto for the agent unless USE_LIBUV=0"},
    {"worker-mpi", 0, Kind::choice, Group::workers, "none|inherit", "none", "none,inherit", true,
     true,
     "What workers get of the MPI launcher's variables (PMIX_, PMI_, OMPI_, PRTE_ and the like) "
     "that started the agent: none, so that MPI_Init in a worker makes a world of its own, or "
     "inherit for all of them"},
    {"virtual-local-rank", 0, Kind::flag, Group::workers, nullptr, nullptr, nullptr, true, true,
     "Give each worker LOCAL_RANK 0 and its own accelerator alone to see, so that compiled code is "
     "the same in all of them"},
    {"numa-binding", 0, Kind::choice, Group::workers, "node|socket|exclusive|core-complex", nullptr,
     "node,socket,exclusive,core-complex", true, true,
     "Bind each worker to the CPUs near its accelerator: those of its NUMA node, of its whole "
     "socket, its exclusive share of the node's cores, or cores that share a cache"},
    {"start-method", 0, Kind::choice, Group::workers, "spawn|fork|forkserver", "spawn",
     "spawn,fork,forkserver", true, false,
     "Accepted for torchrun's sake, has no effect: workers are programs"},

    {"max-restarts", 0, Kind::integer, Group::restarts, "N", "0", nullptr, true, true,
     "How often the whole job may restart after a worker failed; a lost node costs none of them"},
    {"shutdown-timeout", 0, Kind::integer, Group::restarts, "SECONDS", "30", nullptr, true, true,
     "Time between SIGTERM and SIGKILL when workers are stopped; where it is not set, "
     "TORCH_ELASTIC_SHUTDOWN_TIMEOUT counts before the default"},
    {"signals-to-handle", 0, Kind::text, Group::restarts, "SIGNAL,...",
     "SIGTERM,SIGINT,SIGHUP,SIGQUIT", nullptr, true, false,
     "Signals that stop the job when the agent gets them"},
    {"requeue-on", 0, Kind::list, Group::restarts, "preempt,timeout,node", nullptr,
     "preempt,timeout,node", true, true,
     "Ask Slurm to requeue the batch job if it ends by preemption, its time limit, or the loss of "
     "nodes"},
    {"monitor-interval", 0, Kind::number, Group::restarts, "SECONDS", "0.1", nullptr, true, false,
     "Accepted for torchrun's sake, has no effect: the exit of a worker is an event, nobody polls"},

    {"rdzv-backend", 0, Kind::text, Group::rendezvous, "BACKEND", nullptr,
     "slurm,pmix,c10d,static,etcd,etcd-v2", true, true,
     "How the nodes find each other: slurm, pmix under srun --mpi=pmix, mpirun or prterun, c10d at "
     "--rdzv-endpoint, etcd (also called etcd-v2) by the etcd there, static by --node-rank and "
     "--master-addr; slurm inside a Slurm step if not set, else static if --master-addr or "
     "--master-port "
     "is given, else --standalone"},
    {"rdzv-id", 0, Kind::text, Group::rendezvous, "ID", "none", nullptr, true, true,
     "Name of the job: TORCHELASTIC_RUN_ID of the workers, and part of the path of log files"},
    {"rdzv-conf", 0, Kind::text, Group::rendezvous, "KEY=VALUE,...", nullptr, nullptr, true, true,
     "Timing of the rendezvous: join_timeout (seconds, 600), keep_alive_interval (seconds, 1), "
     "keep_alive_max_attempt (3), port_range (LOW-HIGH), pmix_timeout (seconds, 60); of c10d "
     "and etcd last_call_timeout (seconds, 3); of c10d is_host; of etcd protocol (http, https), "
     "ca_cert, ssl_cert, ssl_cert_key (or cacert, cert, key), etcd_prefix (/torchelastic). Checked "
     "for torchrun's sake, without effect: timeout, close_timeout, heartbeat_timeout, "
     "read_timeout, store_type, use_libuv, rank"},
    {"rdzv-endpoint", 0, Kind::text, Group::rendezvous, "HOST[:PORT]", nullptr, nullptr, true,
     false,
     "Where the agents of --rdzv-backend=c10d meet (port 29400 if not given), or etcd is (2379; "
     "several with commas between; user and password by etcdctl's ETCDCTL_USER=NAME:PASSWORD), the "
     "same on all nodes; with static in place of --master-addr "
     "and --master-port. The nodes of a Slurm step or "
     "of PMIx need none"},
    {"node-rank", 0, Kind::integer, Group::rendezvous, "N", "0", nullptr, true, false,
     "Rank of this node under --rdzv-backend=static; the nodes of a Slurm step or of PMIx need "
     "none"},
    {"master-addr", 0, Kind::text, Group::rendezvous, "ADDRESS", "127.0.0.1", nullptr, true, false,
     "Address of the node of rank 0 under --rdzv-backend=static"},
    {"master-port", 0, Kind::integer, Group::rendezvous, "PORT", nullptr, nullptr, true, false,
     "Port of the workers' store, as in torchrun's static rendezvous; a free one if not set"},
    {"local-addr", 0, Kind::text, Group::rendezvous, "ADDRESS", nullptr, nullptr, true, false,
     "Address under which other nodes reach this one; its own choice if not set"},
    {"port-range", 0, Kind::text, Group::rendezvous, "LOW-HIGH", nullptr, nullptr, true, true,
     "Ports on which agents and the workers' store may listen, for sites with firewalls, unless "
     "--rdzv-endpoint or --master-port names one; free ones if not set"},

    {"log-dir", 0, Kind::file, Group::output, "DIR", nullptr, nullptr, true, true,
     "Folder for log files of --redirects and --tee, made if missing; a temporary one if not set"},
    {"redirects", 'r', Kind::text, Group::output, "STREAMS", "0", "0,1,2,3", true, true,
     "Streams that go to log files and not to the console: 0 none, 1 stdout, 2 stderr, 3 both, or "
     "per local rank, as in 0:3,1:2"},
    {"tee", 't', Kind::text, Group::output, "STREAMS", "0", "0,1,2,3", true, true,
     "Streams that go to log files and to the console, line by line behind a prefix; written like "
     "--redirects"},
    {"log-line-prefix-template", 0, Kind::text, Group::output, "TEMPLATE", nullptr, nullptr, true,
     true,
     "What --tee puts before each line; knows ${role_name}, ${local_rank}, ${rank}, ${hostname}; "
     "[${role_name}${local_rank}]: if not set"},
    {"local-ranks-filter", 0, Kind::text, Group::output, "RANK,...", nullptr, nullptr, true, true,
     "Local ranks whose output the console shows; all if not set"},
    {"duplicate-stdout-filters", 0, Kind::text, Group::output, "TEXT,...", nullptr, nullptr, true,
     true,
     "Copy the lines of --tee's stdout that contain one of these texts to filtered_stdout.log in "
     "the log folder; two commas stand for one inside a text"},
    {"duplicate-stderr-filters", 0, Kind::text, Group::output, "TEXT,...", nullptr, nullptr, true,
     true, "The same for stderr and filtered_stderr.log"},
    {"logs-specs", 0, Kind::text, Group::output, "NAME", nullptr, "default", false, false,
     "Accepted for torchrun's sake: default; Python entry points cannot be loaded"},
    {"event-log-handler", 0, Kind::text, Group::output, "null|console|file[:PATH]", "null",
     "null,console,file", true, true,
     "Where the agent writes what happens, as lines of JSON; torchrun's dynamic_rendezvous is "
     "null"},

    {"print-completion", 0, Kind::choice, Group::other, "bash|zsh|tcsh", nullptr, "bash,zsh,tcsh",
     false, false, "Print a script that makes this shell complete options, and exit"},
    {"help", 'h', Kind::flag, Group::other, nullptr, nullptr, nullptr, false, false,
     "Show this text and exit"},
    {"version", 0, Kind::flag, Group::other, nullptr, nullptr, nullptr, false, false,
     "Show the version and exit"},
};

const std::size_t kOptionCount = sizeof(kOptions) / sizeof(kOptions[0]);

const Option kUseEnv = {"use-env",
                        0,
                        Kind::flag,
                        Group::workers,
                        nullptr,
                        nullptr,
                        nullptr,
                        false,
                        false,
                        "Of torchelastic launch alone: pass no --local-rank to training_script, "
                        "which reads the variable LOCAL_RANK; --no-python needs it"};

}  // namespace torchelastic::options
