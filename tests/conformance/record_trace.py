#!/usr/bin/env python3
"""Records what clients of the installed torch say to torch's own TCPStore server, and its answers.

    record_trace.py [SCENARIO]...       writes traces/torch-<version>/<scenario>.trace beside itself

The traces are replayed against our codec and key space by tests/unit/store_golden_test.cpp, which
needs no torch. One line per turn:

    1 C> 05 01 00 ..    bytes that client connection 1 sent
    1 S> 00             bytes that the server sent it, not before the lines above
    1 S! 00             the same, but a defect of torch's server that ours must not repeat
    # text              what the script did, for people

A proxy stands between clients and server. It carries one connection's bytes until the server has
answered or all are silent before it turns to another, so that the order of lines is the order in which the server
acted. Addresses and pids in the bytes differ from recording to recording; replaying one does not.
"""
import datetime
import multiprocessing
import os
import select
import socket
import subprocess
import sys
import threading
import time

import torch
import torch.distributed as dist

QUIET = 0.02  # seconds of silence that end a turn; the server answers in less than one millisecond


class Proxy:
    """Carries connections to a server one turn at a time and keeps a record of the turns.

    It lives in a process of its own: torch's constructors hold Python's lock while they wait.
    """

    def __init__(self):
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.control, self.orders = multiprocessing.Pipe()
        self.server_port = None
        self.lines = []
        self.defect = False
        self.pairs = {}  # socket -> (connection number, direction, other socket)
        self.connections = 0
        self.process = multiprocessing.get_context("fork").Process(target=self.run, daemon=True)
        self.process.start()

    def serve(self, port):
        self.tell("server_port", port)

    def note(self, text):
        self.tell("note", text)

    def mark_defect(self, on):
        self.tell("defect", on)

    def stop(self):
        self.control.send(("stop", None))
        lines = self.control.recv()
        self.process.join()
        return lines

    def tell(self, *order):
        self.control.send(order)
        self.control.recv()

    def run(self):
        while True:
            ready = select.select([self.listener, self.orders, *self.pairs], [], [])[0]
            if self.orders in ready:
                what, value = self.orders.recv()
                if what == "stop":
                    self.orders.send(self.text())
                    return
                if what == "note":
                    self.lines.append(["#", value])
                else:
                    setattr(self, what, value)
                self.orders.send(None)
            if self.listener in ready:
                self.accept()
            for end in ready:
                if end in self.pairs:
                    self.turn(end)

    def accept(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", self.server_port))
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections += 1
        self.pairs[client] = (self.connections, "C>", server)
        self.pairs[server] = (self.connections, "S>", client)

    def turn(self, end):
        """Carries what `end` says until it was answered or is silent, and all answers meanwhile."""
        answer = self.pairs[end][2]
        self.carry(end)
        while end in self.pairs:
            ready = select.select([end, *self.servers()], [], [], QUIET)[0]
            for each in ready:
                if each in self.pairs:
                    self.carry(each)
            if not ready or answer in ready:
                return

    def servers(self):
        return [end for end, (_, direction, _) in self.pairs.items() if direction == "S>"]

    def carry(self, end):
        number, direction, other = self.pairs[end]
        try:
            data = end.recv(1 << 20)
        except ConnectionResetError:
            data = b""
        if not data:
            for each in (end, other):
                del self.pairs[each]
                each.close()
            return
        mark = "S!" if direction == "S>" and self.defect else direction
        last = self.lines[-1] if self.lines else None
        if last and last[0] == number and last[1] == mark:
            last[2] += data
        else:
            self.lines.append([number, mark, bytearray(data)])
        other.sendall(data)

    def text(self):
        out = []
        for line in self.lines:
            if line[0] == "#":
                out.append(f"# {line[1]}")
            else:
                out.append(f"{line[0]} {line[1]} {line[2].hex(' ')}")
        return "\n".join(out) + "\n"


class Script:
    """Clients behind a proxy, and steps that are written into the record."""

    def __init__(self):
        self.proxy = Proxy()
        # The server's own client talks to it directly; without a world size it says nothing.
        self.server = stock_server()
        self.proxy.serve(self.server.port)

    def client(self, **more):
        client = connect(self.proxy.port, **more)
        self.step_quiet()
        return client

    def step(self, text, action):
        self.proxy.note(text)
        try:
            result = action()
        except RuntimeError as error:
            result = type(error).__name__
        self.step_quiet()
        return result

    def step_quiet(self):
        time.sleep(4 * QUIET)


def options():
    """torch without libuv insists that its clients say so, too."""
    return {} if torch.__version__.startswith("1.") else {"use_libuv": False}


def stock_server():
    return dist.TCPStore("127.0.0.1", 0, None, True, wait_for_workers=False, **options())


def connect(port, world_size=None, seconds=20):
    timeout = datetime.timedelta(seconds=seconds)
    return dist.TCPStore("127.0.0.1", port, world_size, False, timeout, **options())


def one_client(script):
    """Every operation of the Python API, by one client."""
    store = script.client(world_size=2)
    for text in (
        "store.set('k', 'value')",
        "store.get('k')",
        "store.set('k', 'another')",
        "store.get('k')",
        "store.set('empty', '')",
        "store.get('empty')",
        "store.add('n', 5)",
        "store.add('n', -7)",
        "store.get('n')",
        "store.set('n', '40')",
        "store.add('n', 2)",
        "store.compare_set('c', '', 'first')",
        "store.compare_set('c', 'other', 'second')",
        "store.compare_set('c', 'first', 'third')",
        "store.compare_set('absent', 'expected', 'desired')",
        "store.num_keys()",
        "store.delete_key('k')",
        "store.delete_key('k')",
        "store.num_keys()",
        "store.wait(['n', 'c', 'empty'])",
        "store.set('bytes', '\\x00\\x01\\x7f / \\u00e9')",
        "store.get('bytes')",
        "store.set('long', 'x' * 1500)",
        "store.get('long')",
    ):
        script.step(text, lambda: eval(text, {"store": store}))


def waiting(script):
    """Waits that end because another client sets the keys, and one whose time runs out."""
    setter, waiter = script.client(), script.client()

    def ended_by(keys, *sets):
        thread = threading.Thread(target=waiter.wait, args=(keys,))
        script.proxy.note(f"waiter.wait({keys})")
        thread.start()
        script.step_quiet()
        for key in sets:
            script.step(f"setter.set({key!r}, 'v')", lambda: setter.set(key, "v"))
        thread.join()
        script.step_quiet()

    ended_by(["a"], "a")
    ended_by(["b", "c"], "c", "b")
    ended_by(["a", "d"], "d")
    thread = threading.Thread(target=waiter.get, args=("sum",))
    script.proxy.note("waiter.get('sum')")
    thread.start()
    script.step_quiet()
    script.step("setter.add('sum', 3)", lambda: setter.add("sum", 3))
    thread.join()
    script.step_quiet()
    script.step("waiter.wait(['never']), for one second",
                lambda: waiter.wait(["never"], datetime.timedelta(seconds=1)))
    script.step("waiter.set_timeout(20 s)",
                lambda: waiter.set_timeout(datetime.timedelta(seconds=20)))
    script.step("waiter.add('n', 1)", lambda: waiter.add("n", 1))
    script.step("waiter.get('a')", lambda: waiter.get("a"))


def late_answer(script):
    """A wait whose time ran out, its client's next request, and only then the key."""
    setter, waiter = script.client(), script.client()
    script.step("waiter.wait(['late']), for one second",
                lambda: waiter.wait(["late"], datetime.timedelta(seconds=1)))
    script.step("waiter.num_keys()", waiter.num_keys)
    script.proxy.mark_defect(True)
    script.step("setter.set('late', 'v'): torch answers the wait that nobody waits for",
                lambda: setter.set("late", "v"))
    script.proxy.mark_defect(False)


def newer_operations(script):
    """What the Python API gained after torch 1.13, as far as this torch has it."""
    store = script.client()
    for text in (
        "store.append('k', 'one')",
        "store.append('k', 'two')",
        "store.check(['k'])",
        "store.check(['k', 'absent'])",
        "store.list_keys()",
        "store.multi_set(['a', 'b'], ['1', ''])",
        "store.multi_get(['b', 'k', 'a'])",
        "store.multi_set(['many%d' % i for i in range(80)], ['value'] * 80)",
        "store.wait(['many%d' % i for i in range(80)])",
        "store.barrier('alone', 1, datetime.timedelta(seconds=5))",
        "store.barrier('two', 2, datetime.timedelta(seconds=1))",
        "store.get('two')",
    ):
        if hasattr(store, text.split("(")[0].split(".")[1]):
            script.step(text, lambda: eval(text, {"store": store, "datetime": datetime}))


WORKER = """
import sys, datetime, torch, torch.distributed as dist
if not torch.__version__.startswith('1.'):
    rendezvous = sys.modules['torch.distributed.rendezvous']
    stock = rendezvous.TCPStore
    rendezvous.TCPStore = lambda *a, **k: stock(*a, **{**k, 'use_libuv': False})
dist.init_process_group('gloo', timeout=datetime.timedelta(seconds=120))
x = torch.ones(1) * (dist.get_rank() + 1)
dist.all_reduce(x)
assert x.item() == 3, x
dist.barrier()
"""


def gloo_two_ranks(script):
    """init_process_group('gloo'), all_reduce and barrier of two ranks of a torchelastic agent."""
    script.proxy.note("two processes; the order of lines between them is by chance")
    ranks = []
    for rank in (0, 1):
        env = dict(os.environ, MASTER_ADDR="127.0.0.1", MASTER_PORT=str(script.proxy.port),
                   WORLD_SIZE="2", RANK=str(rank), LOCAL_RANK=str(rank), OMP_NUM_THREADS="1",
                   TORCHELASTIC_USE_AGENT_STORE="True", TORCHELASTIC_RESTART_COUNT="0",
                   TORCHELASTIC_RUN_ID="trace")
        ranks.append(subprocess.Popen([sys.executable, "-c", WORKER], env=env))
    for rank in ranks:
        if rank.wait(180) != 0:
            raise SystemExit("a rank failed")


SCENARIOS = [one_client, waiting, late_answer, newer_operations, gloo_two_ranks]


def main():
    release = ".".join(torch.__version__.split(".")[:2])
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "traces", f"torch-{release}")
    os.makedirs(folder, exist_ok=True)
    for scenario in SCENARIOS:
        if sys.argv[1:] and scenario.__name__ not in sys.argv[1:]:
            continue
        if scenario is newer_operations and release.startswith("1."):
            continue
        script = Script()
        scenario(script)
        lines = script.proxy.stop()
        with open(os.path.join(folder, scenario.__name__ + ".trace"), "w") as file:
            file.write(f"# {scenario.__doc__}\n")
            file.write(f"# Recorded by record_trace.py: torch {torch.__version__}, its own server.\n")
            file.write(lines)
        print(scenario.__name__, "recorded", flush=True)
    os._exit(0)  # a client of torch <= 2.0 whose server is gone burns a core until it exits


main()
