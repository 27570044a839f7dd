#!/usr/bin/env python3
"""Several agents become one job through etcd, which a test starts here: the first is found by the
others, another is elected if it dies before that, a run that has ended is closed, a job that runs
needs no etcd, and a wrong endpoint is said to be one."""

import contextlib
import random
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import urllib.error
import urllib.request

import alone
import harness
from harness import check, count, equal, expect_codes

SIZE = ': >size.$WORLD_SIZE.$RANK'
WAIT = "; while :; do sleep 0.05; done"


def free_ports(number):
    """Neighbours; none of those that the kernel gives to whoever connects somewhere."""
    while True:
        first = random.randrange(20000, 30000)
        with contextlib.ExitStack() as sockets:
            try:
                for port in range(first, first + number):
                    each = sockets.enter_context(socket.socket())
                    each.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first


class Etcd:
    """An etcd of the test's own, on loopback."""

    def __init__(self, folder, certificate=None, key=None):
        """`certificate`: of server and clients, and who vouches for it."""
        check(shutil.which("etcd"), "etcd is installed (contrib/slurm/install-deps.sh test)")
        self.data = folder / "etcd.data"
        self.log = folder / "etcd.log"
        self.port = free_ports(2)
        self.endpoint = f"127.0.0.1:{self.port}"
        self.process = None
        self.scheme, self.tls, self.context = "http", [], None
        if certificate:
            self.scheme = "https"
            self.tls = [f"--cert-file={certificate}", f"--key-file={key}",
                        "--client-cert-auth", f"--trusted-ca-file={certificate}"]
            self.context = ssl.create_default_context(cafile=certificate)
            self.context.load_cert_chain(certificate, key)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        client, peer = f"{self.scheme}://{self.endpoint}", f"http://127.0.0.1:{self.port + 1}"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["etcd", f"--data-dir={self.data}", f"--listen-client-urls={client}",
                 f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}",
                 f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
                 "--unsafe-no-fsync", *self.tls], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        harness.wait_until(self.healthy, 30, "etcd serves", self.log.read_text)

    def healthy(self):
        try:
            return b"true" in self.ask("/health")
        except (urllib.error.URLError, OSError):
            return False

    def ask(self, path, body=None):
        request = urllib.request.Request(f"{self.scheme}://{self.endpoint}{path}", data=body)
        with urllib.request.urlopen(request, timeout=5, context=self.context) as answer:
            return answer.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        """With what it knew."""
        self.kill()
        self.start()

    def forget(self):
        """A new etcd in place of the old one."""
        self.kill()
        shutil.rmtree(self.data)
        self.start()


class Job:
    """Agents of one job, all on this machine."""

    def __init__(self, place, etcd, *options, endpoint=None, run="job", backend="etcd"):
        self.place = place
        self.options = [f"--rdzv-backend={backend}", f"--rdzv-id={run}",
                        f"--rdzv-endpoint={endpoint or etcd.endpoint}", *options]

    def shell(self, script, *options, workers=1, **more):
        return self.place.start(*self.options, f"--nproc-per-node={workers}", *options,
                                "--no-python", "sh", "-c", script, command=("run",), **more)


def ran(place, *names):
    return lambda: all((place.folder / name).exists() for name in names)


def end(agents):
    """A burst of signals is the end of the job for everybody."""
    for agent in agents:
        agent.signal(signal.SIGTERM)
    return expect_codes(agents, *[143 for _ in agents])


def two_agents(place, etcd):
    job = Job(place, etcd, "--nnodes=2")
    expect_codes([job.shell(SIZE, workers=workers) for workers in (1, 3)], 0, 0)
    equal(len(list(place.folder.glob("size.4.*"))), 4, "workers that ran")


def newcomers(place, etcd):
    """1:4, by etcd's other name, one after the other."""
    job = Job(place, etcd, "--nnodes=1:4", "--rdzv-conf=last_call_timeout=1", backend="etcd-v2")
    agents = [job.shell(SIZE + WAIT)]
    agents[0].wait_until(ran(place, "size.1.0"), 20, "the first runs alone")
    agents.append(job.shell(SIZE + WAIT))
    agents[0].wait_until(ran(place, "size.2.0", "size.2.1"), 20, "two run")
    end(agents)


def closed_run(place, etcd):
    """What came to its end cannot be joined; what was interrupted can be started again."""
    job = Job(place, etcd, "--nnodes=1:2", "--rdzv-conf=last_call_timeout=1")
    first = job.shell(SIZE + WAIT)
    first.wait_until(ran(place, "size.1.0"), 20, "it runs")
    end([first])
    expect_codes([job.shell("true")], 0)
    output = expect_codes([job.shell("true")], 1)
    equal(count("run job has ended, and cannot be joined again: choose another --rdzv-id", output),
          1, "why", output)
    expect_codes([Job(place, etcd, "--nnodes=1:2", "--rdzv-conf=last_call_timeout=1",
                      run="other").shell("exit 3")], 3)
    output = expect_codes([Job(place, etcd, "--nnodes=1:2", run="other").shell("true")], 1)
    equal(count("run other has ended", output), 1, "why", output)
    unnamed = ("--nnodes=1:2", "--rdzv-conf=last_call_timeout=1", "--rdzv-id=none")
    for _ in range(2):
        expect_codes([Job(place, etcd, *unnamed).shell("true")], 0)


def coordinator_dies_early(place, etcd):
    """Before anybody has met it: its key outlives it, and then another is elected."""
    job = Job(place, etcd, "--nnodes=2")
    first = job.shell(SIZE)
    first.wait_until(lambda: keys(etcd) == 1, 20, "the first is elected")
    first.kill()
    agents = [job.shell(SIZE) for _ in range(2)]
    expect_codes(agents, 0, 0)
    check(ran(place, "size.2.0", "size.2.1")(), "both ran")


def keys(etcd):
    """How many there are, in all."""
    body = etcd.ask("/v3/kv/range", b'{"key":"AA==","range_end":"AA==","count_only":true}')
    found = [word for word in body.replace(b" ", b"").split(b'"') if word.isdigit()]
    return int(found[-1]) if b'"count"' in body else 0


def etcd_dies(place, etcd):
    """A job that runs goes on, restarts and ends by itself."""
    job = Job(place, etcd, "--nnodes=2", "--max-restarts=1")
    script = (SIZE + '.$TORCHELASTIC_RESTART_COUNT; while [ ! -e go ]; do sleep 0.05; done; '
              '[ "$TORCHELASTIC_RESTART_COUNT" = 1 ] || exit 3')
    agents = [job.shell(script) for _ in range(2)]
    agents[0].wait_until(ran(place, "size.2.0.0", "size.2.1.0"), 20, "both run")
    etcd.kill()
    (place.folder / "go").touch()
    output = expect_codes(agents, 0, 0)
    check(ran(place, "size.2.0.1", "size.2.1.1")(), "both ran again", output)
    equal(count("leave the rendezvous: .*: no connection", output), 1, "a warning", output)


def etcd_falls_silent(place, etcd):
    """A job that ends does not wait for it, nor does one that begins wait for ever."""
    job = Job(place, etcd, "--nnodes=2")
    agents = [job.shell(SIZE + "; while [ ! -e go ]; do sleep 0.05; done") for _ in range(2)]
    agents[0].wait_until(ran(place, "size.2.0", "size.2.1"), 20, "both run")
    etcd.process.send_signal(signal.SIGSTOP)
    (place.folder / "go").touch()
    expect_codes(agents, 0, 0)
    output = expect_codes([job.shell("true")], 1)
    equal(count("the connection ended, or was silent, before there was an answer", output), 1,
          "why", output)


def etcd_is_restarted(place, etcd):
    """In mid-job, with what it knew; then without, and the coordinator's key comes back: newcomers
    find the job."""
    job = Job(place, etcd, "--nnodes=1:3", "--rdzv-conf=last_call_timeout=1")
    agents = [job.shell(SIZE + WAIT)]
    agents[0].wait_until(ran(place, "size.1.0"), 20, "the first runs alone")
    etcd.restart()
    agents.append(job.shell(SIZE + WAIT))
    agents[1].wait_until(ran(place, "size.2.0", "size.2.1"), 20, "two run")
    etcd.forget()
    agents[0].wait_until(lambda: keys(etcd) == 1, 20, "the key is there again")
    agents.append(job.shell(SIZE + WAIT))
    agents[2].wait_until(ran(place, "size.3.0", "size.3.1", "size.3.2"), 20, "three run")
    output = end(agents)
    equal(count("lost", output), 0, "words of a loss", output)


def wrong_endpoints(place, etcd):
    nobody = f"127.0.0.1:{free_ports(1)}"
    output = expect_codes([Job(place, etcd, "--nnodes=2", endpoint=nobody).shell("true")], 1)
    equal(count(f"ask the etcd of --rdzv-endpoint={nobody}: .*: no connection", output), 1,
          "nobody there", output)
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        def answer():
            connection, _ = stranger.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        thread = threading.Thread(target=answer)
        thread.start()
        endpoint = f"127.0.0.1:{stranger.getsockname()[1]}"
        output = expect_codes([Job(place, etcd, "--nnodes=2", endpoint=endpoint).shell("true")], 1)
        thread.join()
    equal(count("HTTP status 404: this is not the JSON gateway of an etcd", output), 1,
          "somebody else there", output)
    https = Job(place, etcd, "--nnodes=2", "--rdzv-conf=protocol=https")
    output = expect_codes([https.shell("true")], 1)
    equal(count("TLS could not be set up", output), 1, "no TLS there", output)
    several = Job(place, etcd, "--nnodes=2", endpoint=f"{nobody},{etcd.endpoint}")
    expect_codes([several.shell(SIZE) for _ in range(2)], 0, 0)
    check(ran(place, "size.2.0", "size.2.1")(), "the second endpoint serves")


def secret(place, etcd):
    """Who reads etcd, but has not the job's token, is not let in."""
    job = Job(place, etcd, "--nnodes=2", "--rdzv-conf=join_timeout=20")
    token = {"TORCHELASTIC_TOKEN": "a secret"}
    first = job.shell(SIZE, environment=token)
    first.wait_until(lambda: keys(etcd) == 1, 20, "the first is elected")
    stranger = job.shell(SIZE, "--rdzv-conf=join_timeout=1")
    output = expect_codes([stranger], 1)
    equal(count("meet the other nodes by --rdzv-endpoint=.*within 1 s", output), 1, "why", output)
    expect_codes([job.shell(SIZE, environment=token), first], 0, 0)


def password(place, etcd):
    """By etcdctl's variables; without them etcd's own words."""
    for path, body in (("user/add", b'{"name":"root","password":"a:b"}'),
                       ("role/add", b'{"name":"root"}'),
                       ("user/grant", b'{"user":"root","role":"root"}'), ("enable", b"{}")):
        etcd.ask(f"/v3/auth/{path}", body)
    job = Job(place, etcd, "--nnodes=2")
    output = expect_codes([job.shell("true")], 1)
    equal(count("user name is empty", output), 1, "no user", output)
    output = expect_codes([job.shell("true", environment={"ETCDCTL_USER": "root:c"})], 1)
    equal(count("log in as root: .*authentication failed, invalid user", output), 1, "wrong one",
          output)
    expect_codes([job.shell(SIZE, environment={"ETCDCTL_USER": "root:a:b"}),
                  job.shell(SIZE, environment={"ETCDCTL_USER": "root", "ETCDCTL_PASSWORD": "a:b"})],
                 0, 0)
    check(ran(place, "size.2.0", "size.2.1")(), "both ran")


def certificates(place):
    """etcd wants one, has one, and is not trusted without the user's word."""
    certificate, key = (place.folder / f"{name}.pem" for name in ("certificate", "key"))
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=etcd", "-addext",
         "subjectAltName=IP:127.0.0.1"],
        capture_output=True, text=True, check=False)
    equal(made.returncode, 0, "exit code of openssl", made.stderr)
    with Etcd(place.folder, certificate, key) as etcd:
        full = (f"--rdzv-conf=protocol=https,ca_cert={certificate},ssl_cert={certificate},"
                f"ssl_cert_key={key}")
        job = Job(place, etcd, "--nnodes=2")
        expect_codes([job.shell(SIZE, full) for _ in range(2)], 0, 0)
        check(ran(place, "size.2.0", "size.2.1")(), "both ran")
        output = expect_codes([job.shell("true", "--rdzv-conf=protocol=https")], 1)
        equal(count("its certificate is not to be trusted", output), 1, "no CA", output)


def with_etcd(case):
    def run(place):
        with Etcd(place.folder) as etcd:
            case(place, etcd)
    run.__name__ = case.__name__
    return run


alone.run_cases(__doc__, [with_etcd(case) for case in (
    two_agents, newcomers, closed_run, coordinator_dies_early, etcd_dies,
    etcd_falls_silent, etcd_is_restarted, wrong_endpoints, secret, password)] + [certificates])
