#!/usr/bin/env python3
"""Holds our workers' store against torch's own, with real clients of the installed torch.

    store_conformance.py STORE_SERVER

Every operation that this torch's Python API offers gives the same result from both servers; a Gloo
job runs over ours twice, each time in a fresh store; hostile peers beside it disturb nobody.
Exit code: 77 where no Python has torch.
"""
import datetime
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

try:
    import torch
    import torch.distributed as dist
except ImportError:
    other = shutil.which("python3")
    if other and os.environ.setdefault("STORE_CONFORMANCE_TRIED", sys.executable) == sys.executable:
        os.environ["STORE_CONFORMANCE_TRIED"] = "all"
        os.execv(other, [other, *sys.argv])
    print("SKIPPED: no python3 here can import torch: the store was not held against torch's own")
    sys.exit(77)

FAILURES = []


def check(condition, text):
    if not condition:
        FAILURES.append(text)
        print("FAILED:", text, flush=True)


def seconds(number):
    return datetime.timedelta(seconds=number)


# --- servers and clients -------------------------------------------------------------------------

def libuv_options():
    """A torch built without libuv insists that its clients say so, too."""
    if "use_libuv" not in dist.TCPStore.__init__.__doc__:
        return {}
    try:
        dist.TCPStore("127.0.0.1", 0, None, True, wait_for_workers=False, use_libuv=True)
        return {"use_libuv": True}
    except RuntimeError:
        return {"use_libuv": False}


LIBUV = libuv_options()


class Stock:
    """torch's own server, in this process."""

    def __enter__(self):
        self.store = dist.TCPStore("127.0.0.1", 0, None, True, wait_for_workers=False, **LIBUV)
        self.port = self.store.port
        return self

    def __exit__(self, *_):
        del self.store


class Ours:
    def __enter__(self):
        self.process = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.complaints = self.process.communicate(timeout=20)[1].splitlines()
        check(self.process.returncode == 0, f"our server ended with {self.process.returncode}")


def connect(port, timeout=20, **more):
    return dist.TCPStore("127.0.0.1", port, None, False, seconds(timeout), **LIBUV, **more)


# --- the same results from both ------------------------------------------------------------------

# Steps of client a and client b of one store. What needs a newer method is one step with it.
SCRIPT = """
a.set('k', 'value')
b.get('k')
a.set('k', 'another')
a.get('k')
a.set('empty', '')
b.get('empty')
a.add('n', 5)
b.add('n', -7)
a.get('n')
a.set('n', '40')
b.add('n', 2)
a.add('n', 0)
a.compare_set('c', '', 'first')
b.compare_set('c', 'other', 'second')
b.compare_set('c', 'first', 'third')
a.compare_set('absent', 'expected', 'desired')
a.num_keys()
b.delete_key('k')
b.delete_key('k')
a.num_keys()
a.wait(['n', 'c', 'empty'])
a.wait(['n', 'c', 'empty'], seconds(1))
a.wait([])
b.set('bytes', '\\x00\\x01\\x7f/\\u00e9')
a.get('bytes')
b.set('long', 'x' * 300000)
a.get('long')
b.set('/', 'slash')
a.get('/')
b.set('', 'no key')
a.get('')
a.wait(['never'], seconds(1))
b.set_timeout(seconds(1))
b.get('never')
b.set_timeout(seconds(20))
b.timeout.total_seconds()
a.check(['n'])
a.check(['n', 'never'])
[a.append('appended', 'one'), b.append('appended', 'two'), a.get('appended')]
a.multi_set(['m1', 'm2'], ['v1', ''])
b.multi_get(['m2', 'm1', 'n'])
[a.multi_set(MANY, MANY), b.multi_get(MANY), b.wait(MANY)]
b.has_extended_api()
a.queue_push('q', 'one')
a.queue_push('q', 'two')
b.queue_len('q')
b.queue_pop('q')
b.queue_pop('q', False)
b.queue_len('q')
sorted(a.list_keys())
a.clone().get('n')
[a.barrier('alone', 1, seconds(5)), a.get('alone')]
a.num_keys()
a.add('c', 1)
"""

COMPARED = {"host", "port", "libuvBackend", "timeout", *re.findall(r"\b[ab]\.(\w+)\(", SCRIPT)}
MANY = [f"many{i}" for i in range(3000)]


def run_step(step, scope):
    try:
        return repr(eval(step, scope))
    except Exception as error:  # noqa: whatever the one raises, the other has to
        return type(error).__name__


def same_results():
    offered = {name for name in dir(dist.TCPStore) if not name.startswith("_")}
    check(offered <= COMPARED, f"torch offers what nobody compares: {sorted(offered - COMPARED)}")
    results = []
    for server in (Stock(), Ours()):
        with server:
            scope = {"a": connect(server.port), "b": connect(server.port), "seconds": seconds,
                     "MANY": MANY}
            results.append([run_step(step, scope) for step in SCRIPT.split("\n") if step])
            scope.clear()
    steps = [step for step in SCRIPT.split("\n") if step]
    for step, stock, ours in zip(steps, *results):
        check(stock == ours, f"{step}: torch's server {stock[:100]}, ours {ours[:100]}")
    missing = sum(result == "AttributeError" for result in results[0])
    print(f"{len(steps) - missing} steps compared, {missing} that this torch has no method for")


def in_thread(action):
    result = []
    thread = threading.Thread(target=lambda: result.append(run_step("action()", {"action": action})))
    thread.start()
    time.sleep(0.2)
    return thread, result


def waits():
    """Waits that another client ends; and one too late, which torch's own server gets wrong."""
    for server in (Stock(), Ours()):
        with server:
            name = type(server).__name__
            setter, waiter, other = (connect(server.port) for _ in range(3))
            one, got = in_thread(lambda: waiter.get("a"))
            two, both = in_thread(lambda: other.wait(["a", "b"]))
            setter.set("a", "1")
            one.join(10)
            check(got == ["b'1'"], f"{name}: get that waited gave {got}")
            check(not both, f"{name}: a wait for two keys ended after one")
            setter.add("b", 1)
            two.join(10)
            check(both == ["None"], f"{name}: wait for two keys gave {both}")
    with Ours() as server:
        setter, waiter = connect(server.port), connect(server.port)
        setter.set("other", "value")
        check(run_step("waiter.wait(['late'], seconds(1))", {"waiter": waiter, "seconds": seconds})
              != "None", "a wait for nothing ended")
        waiter.add("n", 1)
        setter.set("late", "1")
        time.sleep(0.1)
        waiter.set_timeout(seconds(5))
        got = run_step("waiter.get('other')", {"waiter": waiter})
        check(got == "b'value'", f"a get after a wait that timed out gave {got}")


# --- a job, beside hostile peers ------------------------------------------------------------------

WORKER = """
import datetime, sys, torch, torch.distributed as dist
if not {libuv}:
    rendezvous = sys.modules['torch.distributed.rendezvous']
    stock = rendezvous.TCPStore
    rendezvous.TCPStore = lambda *a, **k: stock(*a, **dict(k, use_libuv=False))
dist.init_process_group('gloo', timeout=datetime.timedelta(seconds=100))
rank, world = dist.get_rank(), dist.get_world_size()
x = torch.ones(1) * (rank + 1)
dist.all_reduce(x)
assert x.item() == world * (world + 1) / 2, x
group = dist.new_group([0, 1])
if rank < 2:
    y = torch.ones(1)
    dist.all_reduce(y, group=group)
    assert y.item() == 2, y
dist.barrier()
"""

KEY = struct.pack("<Q", 2) + b"/k"
GREETING = bytes.fromhex("00cef7853c")
PATIENT = {
    "nothing": b"",
    "a greeting": GREETING,
    "one byte 00": b"\0",
    "half a SET": GREETING + b"\1" + KEY[:9],
}
IMPOSSIBLE = {
    "a key of 4 GiB": GREETING + b"\1" + struct.pack("<Q", 1 << 32),
    "a key of 4 GiB, torch 1": b"\0" + struct.pack("<Q", 1 << 32),
    "a wait for 20 M keys": GREETING + b"\6" + struct.pack("<Q", 20_000_000),
    "a length of 2^63": GREETING + b"\3" + struct.pack("<Q", 1 << 63),
    "opcode 0x77": GREETING + b"\x77",
    "HTTP": b"GET / HTTP/1.1\r\nHost: store\r\n\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303"),
}


def is_closed(peer):
    peer.settimeout(5)
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True
    except socket.timeout:
        return False


def visit(port, hello):
    peer = socket.create_connection(("127.0.0.1", port))
    peer.sendall(hello)
    return peer


def job(port, ranks, attempt):
    script = WORKER.format(libuv=LIBUV.get("use_libuv", True))
    workers = []
    for rank in range(ranks):
        env = dict(os.environ, MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank),
                   WORLD_SIZE=str(ranks), LOCAL_RANK=str(rank), OMP_NUM_THREADS="1",
                   TORCHELASTIC_USE_AGENT_STORE="True", TORCHELASTIC_RUN_ID="conformance",
                   TORCHELASTIC_RESTART_COUNT=str(attempt))
        workers.append(subprocess.Popen([sys.executable, "-c", script], env=env))
    for rank, worker in enumerate(workers):
        try:
            code = worker.wait(120)
        except subprocess.TimeoutExpired:
            worker.kill()
            code = "no end"
        check(code == 0, f"attempt {attempt}, rank {rank}: {code}")


def jobs():
    for attempt in (0, 1):
        with Ours() as server:
            patient = {what: visit(server.port, hello) for what, hello in PATIENT.items()}
            for what, hello in IMPOSSIBLE.items():
                check(is_closed(visit(server.port, hello)), f"{what}: the connection stayed open")
            job(server.port, 4, attempt)
            for what, peer in patient.items():
                peer.setblocking(False)
                try:
                    check(peer.recv(1) != b"", f"{what}: the connection was closed")
                except BlockingIOError:
                    pass
        check(len(server.complaints) == len(IMPOSSIBLE),
              f"{len(IMPOSSIBLE)} peers were refused, the log says: {server.complaints}")
        for line in server.complaints[:2]:
            print(line)


def main():
    print("torch", torch.__version__, LIBUV, flush=True)
    same_results()
    waits()
    jobs()
    print("FAILED" if FAILURES else "passed", flush=True)
    os._exit(1 if FAILURES else 0)  # a client of torch <= 2.0 whose server is gone burns a core


main()
