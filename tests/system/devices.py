#!/usr/bin/env python3
"""As many workers as the node has devices or CPUs for them, each on its own device or its own CPUs
where that is asked for; what is not there is told in one line. A fake stands for NVIDIA's driver:
this shows what is asked of it and made of its answers, not what it answers."""

import os
import pathlib
import re

import harness
from alone import run_cases, workers_words
from harness import check, equal

WORDS = "echo rank=$RANK local=$LOCAL_RANK cuda=${CUDA_VISIBLE_DEVICES-unset}"
CPUS = "echo rank=$RANK $(grep Cpus_allowed_list /proc/self/status)"
NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}  # whatever this machine has

untested = []


def fake_driver(gpus):
    return {"LD_LIBRARY_PATH": harness.program("tests/fake_nvml"), "FAKE_NVML": str(gpus)}


def own_cpus():
    return sorted(os.sched_getaffinity(0))


def lines(job):
    equal(job.code, 0, "exit code", job.output)
    return sorted(line for line in workers_words(job.output) if line.startswith("rank="))


def run(place, script, *options, environment=(), before=()):
    return place.run(*options, "--no-python", "sh", "-c", script, environment=environment,
                     run=before)


def counted(place, what, environment=(), before=()):
    return len(lines(run(place, WORDS, f"--nproc-per-node={what}", environment=environment,
                         before=before)))


def one_worker_for_each_gpu(place):
    three = fake_driver(3)
    for what in ("gpu", "auto"):
        equal(counted(place, what, three), 3, f"workers of --nproc-per-node={what}")
    for visible, workers in (("2,0", 2), ("GPU-1", 1), ("0,7,1", 1), ("MIG-1,MIG-4", 2)):
        equal(counted(place, "gpu", {**three, "CUDA_VISIBLE_DEVICES": visible}), workers,
              f"workers with CUDA_VISIBLE_DEVICES={visible}")
    for options, warnings in ((("--virtual-local-rank",), 0), ((), 1)):
        cut = run(place, WORDS, "--nproc-per-node=gpu", *options,
                  environment={**three, "CUDA_VISIBLE_DEVICES": "MIG-1,MIG-4"})
        equal(harness.count("of which CUDA shows a process only the first", cut.output), warnings,
              f"warnings about MIG instances with {options}", cut.output)
    hidden = run(place, WORDS, "--nproc-per-node=gpu",
                 environment={**three, "CUDA_VISIBLE_DEVICES": "-1"})
    equal(hidden.code, 1, "exit code without a visible GPU", hidden.output)
    check("NVML lists 3, CUDA_VISIBLE_DEVICES='-1'" in hidden.output, "it says why", hidden.output)
    noted = run(place, WORDS, "--nproc-per-node=gpu", environment={**three, "LOGLEVEL": "INFO"})
    check("--nproc-per-node=gpu: 3 workers for 3 GPUs (NVML lists 3)" in noted.output,
          "the log says how many and why", noted.output)


def devices_that_are_not_there(place):
    broken = {**fake_driver("broken"), "CUDA_VISIBLE_DEVICES": ""}
    for what, environment, words in (
            ("gpu", NO_GPU, "--nproc-per-node=gpu: no GPU here for this job: "),
            ("gpu", broken, "no NVML (nvmlInit_v2: Driver Not Loaded)"),
            ("xpu", {"ZE_AFFINITY_MASK": "none"}, "--nproc-per-node=xpu: no Intel GPU here")):
        job = run(place, WORDS, f"--nproc-per-node={what}", environment=environment)
        equal(job.code, 1, f"exit code of --nproc-per-node={what}", job.output)
        equal(harness.count(re.escape(words), job.output), 1, f"lines with '{words}'", job.output)
        check("rank=" not in job.output, "no worker runs", job.output)


def one_worker_for_each_cpu(place):
    cpus = own_cpus()
    equal(counted(place, "cpu"), len(cpus), "workers by the affinity mask")
    equal(counted(place, "auto", NO_GPU), len(cpus), "workers where there is no GPU")
    one = ("taskset", "-c", str(cpus[-1]))
    equal(counted(place, "cpu", before=one), 1, "workers under taskset")


class CpuQuota:
    """A cgroup whose processes get one CPU's time."""

    def __enter__(self):
        self.path = None
        for top, version in (("/sys/fs/cgroup", 2), ("/sys/fs/cgroup/cpu", 1),
                             ("/sys/fs/cgroup/cpu,cpuacct", 1)):
            path = pathlib.Path(top)
            if not (path / ("cgroup.controllers" if version == 2 else "cpu.cfs_quota_us")).exists():
                continue
            path /= f"torchelastic-test-{os.getpid()}"
            try:
                path.mkdir()
            except OSError:
                continue
            self.path = path
            if self._limit(version):
                return self
            path.rmdir()
            self.path = None
        return self

    def _limit(self, version):
        try:
            if version == 2:
                (self.path / "cpu.max").write_text("90000 100000")
            else:
                (self.path / "cpu.cfs_period_us").write_text("100000")
                (self.path / "cpu.cfs_quota_us").write_text("90000")
            return True
        except OSError:
            return False

    def __exit__(self, *_):
        if self.path:
            harness.wait_until(self._gone, 10, "the cgroup can be removed")

    def _gone(self):
        try:
            self.path.rmdir()
            return True
        except OSError:
            return False


def a_quota_of_cpu_time_counts(place):
    with CpuQuota() as quota:
        if not quota.path:
            untested.append("no cgroup with the cpu controller can be made")
            return
        enter = ("sh", "-c", f'echo $$ >{quota.path}/cgroup.procs && exec "$@"', "enter")
        equal(counted(place, "cpu", before=enter), 1, "workers where one CPU's time is allowed")


def each_worker_sees_one_device(place):
    two = ("--nproc-per-node=2", "--virtual-local-rank")
    for visible, expected in (
            ({"CUDA_VISIBLE_DEVICES": "4, 7"}, ["rank=0 local=0 cuda=4", "rank=1 local=0 cuda=7"]),
            (fake_driver(2), ["rank=0 local=0 cuda=0", "rank=1 local=0 cuda=1"])):
        equal(lines(run(place, WORDS, *two, environment=visible)), expected, "what workers see")
    equal(lines(run(place, WORDS, "--nproc-per-node=2",
                    environment={"CUDA_VISIBLE_DEVICES": "4, 7"})),
          ["rank=0 local=0 cuda=4, 7", "rank=1 local=1 cuda=4, 7"], "without --virtual-local-rank")
    short = run(place, WORDS, "--nproc-per-node=3", "--virtual-local-rank",
                environment={"CUDA_VISIBLE_DEVICES": "4,7"})
    equal(short.code, 1, "exit code of a list that is too short", short.output)
    equal(harness.count(r"CUDA_VISIBLE_DEVICES='4,7' names 2 devices for 3 workers", short.output),
          1, "clear lines", short.output)
    check("rank=" not in short.output, "no worker runs", short.output)


def each_worker_runs_on_its_cpus(place):
    cpus = own_cpus()
    allowed = {}
    for mode in ("node", "socket", "exclusive", "core-complex"):
        workers = 1 if mode == "exclusive" and len(cpus) < 2 else 2
        job = run(place, CPUS, f"--nproc-per-node={workers}", f"--numa-binding={mode}",
                  environment={"LOGLEVEL": "INFO"})
        said = re.search(r"--numa-binding: local rank 0 on CPUs (\S+?)(, 1 on CPUs (\S+))?$",
                         job.output, re.MULTILINE)
        check(said, "the log says which worker got which CPUs", job.output)
        allowed[mode] = [line.split()[-1] for line in lines(job)]
        equal(allowed[mode], [each for each in (said[1], said[3]) if each], "what it says")
    if len(cpus) > 1:
        first, second = allowed["exclusive"]
        check(first != second, f"exclusive CPUs: {first} and {second}")
    one = run(place, CPUS, "--nproc-per-node=2", "--numa-binding=node",
              before=("taskset", "-c", str(cpus[-1])))
    equal(lines(one), [f"rank={rank} Cpus_allowed_list: {cpus[-1]}" for rank in (0, 1)],
          "CPUs under taskset")
    crowded = run(place, CPUS, f"--nproc-per-node={len(cpus) + 1}", "--numa-binding=exclusive")
    equal(crowded.code, 1, "exit code with fewer cores than workers", crowded.output)
    check("too few for" in crowded.output, "it says why", crowded.output)


def two_numa_nodes(place):
    """hwloc makes them up; the CPUs are real."""
    cpus = own_cpus()
    if cpus[:2] != [0, 1]:
        untested.append("CPUs 0 and 1 are not ours, which hwloc's made-up machine has")
        return
    machine = {"HWLOC_SYNTHETIC": "pack:2 numa:1 core:1 pu:1"}
    for mode in ("node", "socket", "exclusive", "core-complex"):
        job = run(place, CPUS, "--nproc-per-node=2", f"--numa-binding={mode}", environment=machine)
        equal(lines(job), ["rank=0 Cpus_allowed_list: 0", "rank=1 Cpus_allowed_list: 1"],
              f"CPUs by --numa-binding={mode}")


def nothing_was_left_out(_):
    if untested:
        harness.skip("; ".join(untested))


run_cases(__doc__, (one_worker_for_each_gpu, devices_that_are_not_there, one_worker_for_each_cpu,
                    a_quota_of_cpu_time_counts, each_worker_sees_one_device,
                    each_worker_runs_on_its_cpus, two_numa_nodes, nothing_was_left_out))
