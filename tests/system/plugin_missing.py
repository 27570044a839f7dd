#!/usr/bin/env python3
"""A node without the plugin, or without an agent that it can run, runs nothing of the user's program;
the message names the node and what to do, no step is left and no node is drained."""

import contextlib

import harness
from harness import check, count, equal

TRACE = """
    #!/bin/sh
    echo "plain copy $SLURMD_NODENAME ${RANK-}"
"""


class Site:
    """The files of the cluster that an admin would edit. Every node can have its own."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.folder = cluster.home.parent
        self.conf = self.folder / "etc/plugstack.conf"

    @contextlib.contextmanager
    def plugstack(self, node, line):
        """`node` has a plugstack.conf of its own."""
        own = self.folder / f"etc/plugstack.{node}"
        own.write_text(line)
        self._exec(node, "mount", "--bind", str(own), str(self.conf))
        yield
        self._exec(node, "umount", str(self.conf))

    @contextlib.contextmanager
    def everywhere(self, words):
        """`words` behind the plugin's path, on all nodes."""
        line = self.conf.read_text()
        self.conf.write_text(f"{line.rstrip()} {words}\n")
        yield
        self.conf.write_text(line)

    def plugin(self):
        return self.conf.read_text().split()[1]

    def log(self, node):
        return (self.folder / f"log/slurmd.{node}.log").read_text()

    def _exec(self, node, *argv):
        done = self.cluster.exec(node, *argv)
        equal(done.code, 0, " ".join(argv), done.output)


def run(cluster, *options):
    return cluster.run("srun", "--torchelastic", "--no-python", *options, "./trace.sh")


def expect_refusal(job, code, words, nodes=1):
    equal(job.code, code, "exit code", job.output)
    equal(count(words, job.output), nodes, f"lines with {words!r}", job.output)
    equal(count("plain copy", job.output), 0, "plain copies", job.output)


NO_PLUGIN = (r"error: execve\(\): /torchelastic: this node has no plugin for srun --torchelastic: "
             r"add it to plugstack.conf .*; not started: .*trace.sh: No such file")


def no_plugin_on_a_node(cluster, site):
    for export in ("ALL", "NONE", "A=1"):
        with site.plugstack("n3", ""):
            job = run(cluster, "-w", "n3", f"--export={export}")
        expect_refusal(job, 2, NO_PLUGIN)
        equal(count("^srun: error: n3: task 0: Exited with exit code 2$", job.output), 1, "the node",
              job.output)
    equal(run(cluster, "-w", "n3").output, "plain copy n3 0\n", "with the plugin again")


def plugin_that_does_not_load(cluster, site):
    bad = site.folder / "opt/other.so"
    bad.write_bytes(b"built for another Slurm")
    with site.plugstack("n3", f"optional {bad}\n"):
        expect_refusal(run(cluster, "-w", "n3"), 2, NO_PLUGIN)
    with site.plugstack("n3", f"required {bad}\n"):
        job = run(cluster, "-w", "n3")
        equal(count("plain copy", job.output), 0, "plain copies", job.output)


def required_plugin(cluster, site):
    with site.plugstack("n3", f"required {site.plugin()}\n"):
        job = run(cluster, "-w", "n2,n3")
        equal((job.code, count(r"plain copy n[23] [01]$", job.output)), (0, 2), "required", job.output)


def one_of_several_nodes(cluster, site):
    """The others wait for it: they cannot know."""
    with site.plugstack("n3", ""):
        job = run(cluster, "-N4", "--rdzv-conf=join_timeout=1")
        equal(count(NO_PLUGIN, job.output), 1, "told once", job.output)
        check(job.code != 0, "srun fails", job.output)
        check("n3" in job.output.split("torchelastic[n1]", 1)[-1], "n1 names n3", job.output)
        equal(count("plain copy", job.output), 0, "plain copies", job.output)


def agent_that_cannot_run(cluster, site):
    agent = site.folder / "opt/an-agent"
    text = {
        "missing": (None, "No such file or directory; install it there, or name its place by agent="),
        "not executable": (b"#!/bin/sh\n", r"Permission denied; let all users read and execute it"),
        "a folder": ("folder", "it is not a file; name the program by agent="),
        "for another machine": (elf_of_another_machine(), "another kind of processor; install one"),
    }
    for words, (content, message) in text.items():
        harness.step(f"    {words}")
        if content == "folder":
            agent.unlink()
            agent.mkdir()
        elif content is not None:
            if agent.is_dir():
                agent.rmdir()
            agent.write_bytes(content)
            agent.chmod(0o644 if words == "not executable" else 0o755)
        with site.everywhere(f"agent={agent}"):
            job = run(cluster, "-N2")
        expect_refusal(job, 64, rf"torchelastic: node n[12]: cannot run the agent {agent}: .*{message}",
                       nodes=2)


def elf_of_another_machine():
    """This machine's interpreter's header, with the number of one that nobody has here."""
    with open("/proc/self/exe", "rb") as program:
        header = bytearray(program.read(4096))
    header[18:20] = b"\x16\x00"  # EM_S390
    return bytes(header)


def words_of_plugstack(cluster, site):
    with site.everywhere("foo=bar mpi=on port_range=9"):
        job = run(cluster, "-w", "n2")
        equal(job.output, "plain copy n2 0\n", "the user sees nothing of it")
        equal(count(r"error: torchelastic: plugstack.conf: 'foo=bar': not one of .*; 'mpi=on': .*; "
                    r"'port_range=9': .*; ignored$", site.log("n2")), 1, "one line in slurmd's log",
              site.log("n2"))
    show = ["--no-python", "printenv", "MASTER_PORT"]
    with site.everywhere("port_range=23450-23459"):
        job = cluster.run("srun", "-N1", "--torchelastic", *show)
        check(job.output.startswith("2345"), "a port of the site's", job.output)
        job = cluster.run("srun", "-N1", "--torchelastic", "--port-range=24000-24009", *show)
        check(job.output.startswith("2400"), "the user's own range wins", job.output)
        conf = "--rdzv-conf=port_range=24010-24019"
        job = cluster.run("srun", "-N1", "--torchelastic", conf, *show)
        check(job.output.startswith("2401"), "also in --rdzv-conf", job.output)
    with site.everywhere(f"log_dir={cluster.home}/logs-of-%u"):
        run(cluster, "-N1")
        check(not (cluster.home / "logs-of-trainer").exists(), "no log folder if none is asked for")
        job = run(cluster, "-N1", "--redirects=3")
        files = list((cluster.home / "logs-of-trainer").rglob("stdout.log"))
        equal([each.read_text() for each in files], ["plain copy n1 0\n"], "logs", job.output)
        job = run(cluster, "-N1", "--redirects=3", f"--log-dir={cluster.home}/mine")
        check((cluster.home / "mine").exists(), "the user's own folder wins", job.output)


def mpi_of_a_site(cluster, site):
    """The cluster's MpiDefault is pmi2; the agent's stand-in tells what it has."""
    cluster.script("stand-in", """
        #!/bin/sh
        if [ "$PMIX_NAMESPACE" ]; then echo pmix; elif [ "$PMI_FD" ]; then echo pmi2; else echo none; fi
    """)
    cases = [("", [], "pmi2"), ("mpi=auto", [], "pmi2"), ("mpi=off", [], "none"),
             ("mpi=off", ["--mpi=pmi2"], "pmi2"),
             ("mpi=off", ["--torchelastic=off", "./stand-in"], "pmi2")]
    if "pmix" in cluster.run("srun", "--mpi=list").output:
        cases += [(words, ["--rdzv-backend=pmix"], "pmix") for words in ("mpi=auto", "mpi=off")]
    for words, options, mpi in cases:
        with site.everywhere(f"agent={cluster.home}/stand-in {words}"):
            job = cluster.run("srun", "-N1", "--torchelastic", *options, "true")
        equal(job.output, f"{mpi}\n", f"{words} {options}")


def nothing_is_left(cluster, _):
    harness.wait_until(lambda: not cluster.run("squeue", "-hs").output, 10, "no step is left")
    harness.wait_until(lambda: set(cluster.run("sinfo", "-hNo", "%T").output.split()) == {"idle"}, 10,
                       "no node is drained", lambda: cluster.run("sinfo", "-R").output)


def test():
    with harness.Cluster(options=["--conf", "MpiDefault=pmi2"]) as cluster:
        cluster.script("trace.sh", TRACE)
        site = Site(cluster)
        for case in (no_plugin_on_a_node, plugin_that_does_not_load, required_plugin,
                     one_of_several_nodes, agent_that_cannot_run, words_of_plugstack, mpi_of_a_site,
                     nothing_is_left):
            harness.step(case.__name__.replace("_", " "))
            case(cluster, site)


harness.main(__doc__, test)
