#!/usr/bin/env python3
"""What torch's own tests ask of torchrun (docs/parity.md names them) holds for the program, with
real Python scripts and the torch of this machine."""

import functools
import json
import os
import socket

import alone
import harness
from harness import check, count, equal

# Fails unless it finds everything that torchrun's workers find, then leaves its mark.
CHECKED = """
    import os
    import sys

    for name in ("LOCAL_RANK", "RANK", "GROUP_RANK", "ROLE_RANK", "ROLE_NAME", "LOCAL_WORLD_SIZE",
                 "WORLD_SIZE", "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
                 "TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_MAX_RESTARTS", "TORCHELASTIC_RUN_ID",
                 "TORCHELASTIC_USE_AGENT_STORE", "OMP_NUM_THREADS", "TEST_SENTINEL_PARENT",
                 "TORCHELASTIC_ERROR_FILE"):
        os.environ[name]
    if "--fail" in sys.argv:
        raise RuntimeError("--fail")
    with open(f"ran.{os.environ['RANK']}", "w") as file:
        file.write(" ".join(sys.argv[1:]))
"""

# Every rank gives its number; all must get the sum.
ALL_REDUCE = """
    import os
    import sys
    import torch
    import torch.distributed as dist

    method = sys.argv[1].replace("PORT", os.environ["MASTER_PORT"])
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    dist.init_process_group("gloo", init_method=method, rank=rank, world_size=world)
    ranks = torch.tensor([rank])
    dist.all_reduce(ranks)
    assert ranks.item() == sum(range(world)), ranks
    sys.stdout.write(f"attempt {os.environ['TORCHELASTIC_RESTART_COUNT']} sum {ranks.item()}\\n")
    dist.barrier()  # the other one has said so, too
    if rank == 1 and int(os.environ["TORCHELASTIC_RESTART_COUNT"]) < int(sys.argv[2]):
        os.kill(os.getpid(), 9)
    dist.barrier()
    open(f"ran.{rank}", "w").close()
"""

LAUNCHED = """
    import torch.distributed as dist
    print("launched:", dist.is_torchelastic_launched())
"""

# As test_torch_rpc: one worker calls the other.
RPC = """
    import os
    import torch.distributed.rpc as rpc

    rank = int(os.environ["RANK"])
    rpc.init_rpc(f"worker{rank}", rank=rank, world_size=2)
    if rank == 0:
        assert rpc.rpc_sync("worker1", max, args=(1, 7)) == 7
        open("ran.0", "w").close()
    rpc.shutdown()
"""

RECORDED = """
    from torch.distributed.elastic.multiprocessing.errors import record

    @record
    def main():
        raise ValueError("no data")

    main()
"""


@functools.cache
def python():
    return harness.python_with_torch()


def run(place, *arguments, code=0, environment=(), **options):
    """torchrun's own grammar: nothing but the arguments."""
    for name, text in (("checked.py", CHECKED), ("all_reduce.py", ALL_REDUCE), ("rpc.py", RPC),
                       ("launched.py", LAUNCHED), ("recorded.py", RECORDED)):
        place.script(name, text)
    place.script("checked.sh", '#!/bin/sh\necho "creating $1/$RANK"\n: >"$1/ran.$RANK"\n')
    place.forget()
    outcome = place.run(*arguments, command=options.pop("command", ("run",)), environment={
        "PYTHON_EXEC": python(), "TEST_SENTINEL_PARENT": "FOOBAR", "OMP_NUM_THREADS": "1",
        **dict(environment)}, **options)
    equal(outcome.code, code, f"exit code of {arguments}", outcome.output)
    place.expect_nothing_left(outcome.output)
    return outcome


def expect_ranks(place, number, outcome):
    names = sorted(path.name for path in place.folder.glob("ran.*"))
    equal(names, sorted(f"ran.{rank}" for rank in range(number)), "ranks that ran",
          outcome.output)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def python_script(place):
    outcome = run(place, "--nnodes=1", "--nproc-per-node=4", "--rdzv-id=mine",
                  "--monitor-interval=1", "--start-method=spawn", "checked.py", "a", "--nnodes=9")
    expect_ranks(place, 4, outcome)
    equal((place.folder / "ran.0").read_text(), "a --nnodes=9", "the script's own arguments")


def local_rank_as_argument(place):
    outcome = run(place, "--nproc_per_node=4", "checked.py", "--local-rank=${local_rank}")
    expect_ranks(place, 4, outcome)
    for rank in range(4):
        equal((place.folder / f"ran.{rank}").read_text(), f"--local-rank={rank}", "arguments")


def options_of_the_old_launcher(place):
    port = free_port()
    outcome = run(place, "--nnodes=1", "--nproc-per-node=4", "--monitor-interval=1",
                  "--start-method=spawn", "--master-addr=localhost", f"--master-port={port}",
                  "--node-rank=0", "checked.py")
    expect_ranks(place, 4, outcome)


def program_without_python(place):
    options = ["--nnodes=1", "--nproc-per-node=4", "--rdzv-id=mine"]
    outcome = run(place, *options, "--no-python", "./checked.sh", place.folder)
    expect_ranks(place, 4, outcome)
    equal(count(f"^creating {place.folder}/[0-3]$", outcome.output), 4, "lines", outcome.output)
    outcome = run(place, *options, "--no-python", "--module", "./checked.sh", code=2)
    check("--no-python and --module" in outcome.output, "why not", outcome.output)


def one_worker_by_default(place):
    expect_ranks(place, 1, run(place, "--nnodes=1", "--no-python", "./checked.sh", place.folder))


def options_in_the_environment(place):
    given = {"PET_NNODES": "1", "PET_NPROC_PER_NODE": "4", "PET_RDZV_ID": "mine",
             "PET_MONITOR_INTERVAL": "1", "PET_START_METHOD": "spawn", "PET_NO_PYTHON": "1"}
    script = ("./checked.sh", place.folder)
    expect_ranks(place, 4, run(place, *script, environment=given))
    run(place, *script, environment={**given, "PET_MODULE": "1"}, code=2)
    expect_ranks(place, 4, run(place, *script, environment={**given, "PET_MODULE": "0"}))


def number_of_workers(place):
    """A quota of CPU time may make fewer of them than there are CPUs: see devices.py."""
    no_gpus = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "ROCR_VISIBLE_DEVICES": "",
               "ZE_AFFINITY_MASK": ""}

    def count_of(asked):
        outcome = run(place, f"--nproc-per-node={asked}", "--no-python", "./checked.sh",
                      place.folder, environment=no_gpus)
        number = len(list(place.folder.glob("ran.*")))
        expect_ranks(place, number, outcome)
        return number
    cpus = count_of("cpu")
    check(1 <= cpus <= len(os.sched_getaffinity(0)), f"a worker for each CPU: {cpus}")
    equal((count_of("auto"), count_of("4")), (cpus, 4), "workers")
    run(place, "--nproc-per-node=unknown", "checked.py", code=2)


def backend_of_torchrun_on_one_node(place):
    """The quotes are there as upstream's test has them."""
    outcome = run(place, "--nnodes=1", "--nproc-per-node=4", "--rdzv-backend=c10d",
                  f"--rdzv-endpoint=localhost:{free_port()}", "--rdzv-id=mine",
                  "--rdzv-conf='join_timeout=5,last_call_timeout=1,timeout=5'",
                  "--monitor-interval=1", "checked.py")
    expect_ranks(place, 4, outcome)


def failing_worker(place):
    """The report is the one event; the worker's traceback stands before it."""
    outcome = run(place, "--nproc-per-node=4", "--max-restarts=0", "checked.py", "--fail", code=1)
    expect_ranks(place, 0, outcome)
    equal(count("Root Cause", outcome.output), 1, "reports", outcome.output)
    check(count("^RuntimeError: --fail", outcome.output) >= 1, "the exception", outcome.output)


def standalone(place):
    expect_ranks(place, 4, run(place, "--standalone", "--nproc-per-node=4", "checked.py"))


def by_run_path(place):
    outcome = run(place, "--run-path", "--nnodes=1", "--nproc-per-node=4", "checked.py", "a", "-b")
    expect_ranks(place, 4, outcome)
    equal((place.folder / "ran.3").read_text(), "a -b", "the script's own arguments")
    outcome = run(place, "--run-path", "checked.py", "--fail", code=1)
    check(count("RuntimeError: --fail", outcome.output.partition("Root Cause")[2]) >= 1,
          "the traceback, recorded", outcome.output)


def is_torchelastic_launched(place):
    for options in (["--run-path"], ["--run-path", "--logs_specs=default"], []):
        outcome = run(place, *options, "launched.py")
        equal(count("^launched: True$", outcome.output), 1, f"with {options}", outcome.output)
    outcome = harness.Job([python(), place.folder / "launched.py"]).wait(60)
    equal(count("^launched: False$", outcome.output), 1, "by hand", outcome.output)


def logs_specs_must_be_known(place):
    outcome = run(place, "--logs-specs=non_existent", "checked.py", code=2)
    equal(count("error: argument --logs-specs.*'non_existent'", outcome.output), 1, "lines",
          outcome.output)


def all_reduce_by_tcp(place):
    port = free_port()
    outcome = run(place, "--nnodes=1", "--nproc-per-node=4", "--master-addr=localhost",
                  f"--master-port={port}", "all_reduce.py", f"tcp://localhost:{port}", "0")
    expect_ranks(place, 4, outcome)


def all_reduce_by_environment(place):
    for options in (["--master-addr=localhost", f"--master-port={free_port()}"], ["--standalone"],
                    ["--rdzv-backend=static", f"--rdzv-endpoint=127.0.0.1:{free_port()}"],
                    ["--worker-store=rank0"]):
        outcome = run(place, "--nnodes=1", "--nproc-per-node=4", *options, "all_reduce.py",
                      "env://", "0")
        expect_ranks(place, 4, outcome)
        equal(count("^attempt 0 sum 6$", outcome.output), 4, f"sums with {options}",
              outcome.output)


def all_reduce_after_restarts(place):
    """Where torchrun's second attempt reads the addresses of its first."""
    for options in ([], [f"--master-port={free_port()}"], ["--worker-store=rank0"]):
        outcome = run(place, "--nproc-per-node=2", "--max-restarts=3", *options, "all_reduce.py",
                      "env://", "2")
        expect_ranks(place, 2, outcome)
        equal([count(f"^attempt {attempt} sum 1$", outcome.output) for attempt in range(4)],
              [2, 2, 2, 0], f"sums of each attempt with {options}", outcome.output)


def remote_calls(place):
    expect_ranks(place, 1, run(place, "--nproc-per-node=2", "rpc.py"))


def captured_logs(place):
    outcome = run(place, "--nnodes=1", "--nproc-per-node=4", "--rdzv-id=mine", "--redirect=3",
                  "--tee=3", "--log-dir=logs", "--no-python", "./checked.sh", place.folder,
                  environment={"TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE": "[rank${rank}]: "})
    for rank in range(4):
        equal(count(rf"^\[rank{rank}\]: creating {place.folder}/{rank}$", outcome.output), 1,
              f"lines of rank {rank}", outcome.output)
    outcome = run(place, "--nproc-per-node=2", "--role=trainer", "--tee=1", "--log-dir=logs",
                  "--log-line-prefix-template=[${role_name}-${local_rank}:${rank}]:",
                  "--no-python", "./checked.sh", place.folder)
    equal(count(r"^\[trainer-1:1\]:creating ", outcome.output), 1, "lines", outcome.output)


def signals_are_told_to_workers(place):
    """What a launcher within a worker is to handle; in whatever order."""
    usual = {"SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"}
    for options, names in (([], usual),
                           (["--signals-to-handle=SIGTERM,SIGUSR1"], usual | {"SIGUSR1"})):
        outcome = run(place, *options, "--no-python", "printenv",
                      "TORCHELASTIC_SIGNALS_TO_HANDLE")
        equal(sorted(outcome.output.strip().split(",")), sorted(names), "the variable")


def nccl_errors_end_collectives(place):
    for given, value in (({}, "1"), ({"TORCH_NCCL_ASYNC_ERROR_HANDLING": "0"}, "0")):
        outcome = run(place, "--no-python", "printenv", "TORCH_NCCL_ASYNC_ERROR_HANDLING",
                      environment=given)
        equal(outcome.output, value + "\n", "TORCH_NCCL_ASYNC_ERROR_HANDLING")


def recorded_exception(place):
    outcome = run(place, "--nproc-per-node=2", "--log-dir=logs", "recorded.py", code=1)
    report = outcome.output.partition("Root Cause")[2]
    check(count("^ +ValueError: no data$", report) >= 1, "the exception in the report",
          outcome.output)
    check(count("error_file: /.*/attempt_0/[01]/error.json$", report) >= 1, "the error file",
          outcome.output)


def timer_file_where_asked_for(place):
    script = 'if [ -p "$TORCHELASTIC_TIMER_FILE" ]; then echo a pipe; ' \
             'else echo "${TORCHELASTIC_TIMER_FILE-none}"; fi'
    for given, said in (({}, "none"), ({"TORCHELASTIC_ENABLE_FILE_TIMER": "0"}, "none"),
                        ({"TORCHELASTIC_ENABLE_FILE_TIMER": "1"}, "a pipe")):
        outcome = run(place, "--no-python", "sh", "-c", script, environment=given)
        equal(outcome.output, said + "\n", f"with {given}")


def exit_code_of_the_worker(place):
    for code in (138, 7):
        outcome = run(place, "--nproc-per-node=2", "--no-python", "sh", "-c",
                      f"[ $RANK = 1 ] || exec sleep 1000; exit {code}", code=code)
        equal(count(f"exitcode  : {code} ", outcome.output), 1, "the report", outcome.output)


def restarts_run_out(place):
    script = """
        : >ran.$RANK.$TORCHELASTIC_RESTART_COUNT.$TORCHELASTIC_MAX_RESTARTS
        [ $RANK = 0 ] || until [ -e ran.0.$TORCHELASTIC_RESTART_COUNT.2 ]; do sleep 0.01; done
        [ $RANK = 0 ] && exec sleep 1000
        exit 1
    """
    outcome = run(place, "--nproc-per-node=2", "--max-restarts=2", "--no-python", "sh", "-c",
                  script, code=1)
    equal(sorted(path.name for path in place.folder.glob("ran.*")),
          [f"ran.{rank}.{attempt}.2" for rank in (0, 1) for attempt in (0, 1, 2)], "attempts",
          outcome.output)
    equal([count(f"restart {attempt} of 2", outcome.output) for attempt in (1, 2, 3)], [1, 1, 0],
          "lines about restarts", outcome.output)


def store_goes_with_the_job(place):
    outcome = run(place, "--no-python", "sh", "-c", "echo $MASTER_ADDR:$MASTER_PORT")
    address, _, port = outcome.output.strip().rpartition(":")
    with socket.socket() as late:
        check(late.connect_ex((address, int(port))) != 0, "nobody listens", outcome.output)


def address_of_the_store(place):
    """A number, which needs no resolver; or what was asked for."""
    def told(*options):
        return run(place, *options, "--no-python", "sh", "-c",
                   "echo $MASTER_ADDR $MASTER_PORT").output.split()
    for options in ([], ["--standalone"]):
        address, port = told(*options)
        equal(address, "127.0.0.1", "MASTER_ADDR")
        check(0 < int(port) < 65536 and port != told(*options)[1], "a free port", port)
    port = str(free_port())
    equal(told("--master-addr=127.0.0.1", f"--master-port={port}"), ["127.0.0.1", port], "told")
    equal(told("--rdzv-backend=static", f"--rdzv-endpoint=localhost:{port}")[1], port, "port")


def run_id_that_was_chosen(place):
    """torchrun draws another one on one node."""
    for options in (["--rdzv-id=mine"], ["--standalone", "--rdzv-id=mine"]):
        outcome = run(place, *options, "--no-python", "printenv", "TORCHELASTIC_RUN_ID")
        equal(outcome.output, "mine\n", f"run id with {options}")
    first, second = (run(place, "--no-python", "printenv", "TORCHELASTIC_RUN_ID").output
                     for _ in range(2))
    check(first != second, "else each run has another", first + second)


def many_lines_of_many_workers(place):
    """As tail_log_test: 32 writers, nothing split, mixed or lost."""
    outcome = run(place, "--nproc-per-node=32", "--tee=1", "--log-dir=logs", "--no-python", "seq",
                  "1", "1000")
    lines = {}
    for line in outcome.output.splitlines():
        prefix, _, text = line.partition(":")
        lines.setdefault(prefix, []).append(text)
    expected = [str(number) for number in range(1, 1001)]
    equal(sorted(lines), sorted(f"[default{rank}]" for rank in range(32)), "prefixes")
    for prefix, said in lines.items():
        check(said == expected, f"{prefix} said all in order", "\n".join(said))


def cause_for_whoever_started_us(place):
    """As a launcher within a launcher hands on what its worker recorded."""
    above = place.folder / "above.json"
    run(place, "--nproc-per-node=2", "recorded.py", code=1,
        environment={"TORCHELASTIC_ERROR_FILE": above})
    message = json.loads(above.read_text())["message"]
    equal((message["message"], message["errorCode"]), ("ValueError: no data", 1), "what is told")
    check("in main" in message["extraInfo"]["py_callstack"], "the traceback", message)


def duplicate_filters(place):
    outcome = run(place, "--nproc-per-node=2", "--tee=3", "--log-dir=logs", "--no-python",
                  "--duplicate-stdout-filters=hello0", "--duplicate-stderr-filters=world1,cruel",
                  "sh", "-c", "echo hello$RANK; echo world$RANK >&2; echo cruel >&2")
    copied = {path.name: sorted(path.read_text().splitlines())
              for path in (place.folder / "logs").rglob("filtered_*.log")}
    equal(copied, {"filtered_stdout.log": ["[default0]:hello0"],
                   "filtered_stderr.log": ["[default0]:cruel", "[default1]:cruel",
                                           "[default1]:world1"]}, "lines that were sought",
          outcome.output)
    equal(count("^.default[01].:(hello|world|cruel)", outcome.output), 6, "the console has all",
          outcome.output)


alone.run_cases(__doc__, (
    python_script, local_rank_as_argument, options_of_the_old_launcher, program_without_python,
    one_worker_by_default, options_in_the_environment, number_of_workers,
    backend_of_torchrun_on_one_node, failing_worker, standalone, by_run_path,
    is_torchelastic_launched, logs_specs_must_be_known, all_reduce_by_tcp,
    all_reduce_by_environment, all_reduce_after_restarts, remote_calls, captured_logs,
    signals_are_told_to_workers, nccl_errors_end_collectives, recorded_exception,
    exit_code_of_the_worker, restarts_run_out, store_goes_with_the_job, address_of_the_store,
    run_id_that_was_chosen, many_lines_of_many_workers, cause_for_whoever_started_us,
    duplicate_filters, timer_file_where_asked_for))
