#!/usr/bin/env python3
"""--local-addr: workers find the store at that address, those of all the job's hosts by whichever
of their addresses, and a host that is not of the job is not let in."""

import signal

import alone
import harness
import hosts
from harness import check, count, equal

SUM = """
    import torch, torch.distributed as dist
    dist.init_process_group("gloo")
    x = torch.ones(1) * dist.get_rank()
    dist.all_reduce(x)
    assert x.item() == sum(range(dist.get_world_size())), x
    open(f"summed.{dist.get_rank()}", "w").close()
    dist.destroy_process_group()
"""
STAY = 'echo "$MASTER_ADDR $MASTER_PORT" >at.$RANK.part; mv at.$RANK.part at.$RANK; exec sleep 600'

# Says what no worker says, and waits to be hung up on: the store tells why.
KNOCK = """
import socket, sys
with socket.create_connection(sys.argv[1:]) as caller:
    try:
        caller.sendall(b"GET / HTTP/1.1")
        caller.recv(1)
    except ConnectionError:
        pass
"""


def agents(place, endpoint, there, addresses, *worker, **environment):
    return [place.start("--nnodes=2", "--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}",
                        *([f"--local-addr={address}"] if address else []), *worker,
                        command=("run",), run=host.enter(place.folder), environment=environment)
            for host, address in zip(there, addresses)]


def expect_codes(running, code, limit=60):
    ends = [agent.wait(limit) for agent in running]
    output = "\n".join(end.output for end in ends)
    equal([end.code for end in ends], [code] * len(ends), "exit codes", output)
    return output


def knock(place, host, address, port):
    done = harness.Job([*host.enter(place.folder), "python3", "-c", KNOCK, address, port]).wait(20)
    equal(done.code, 0, f"exit code of {host.name}'s call at {address}", done.output)


def expect_only_members(place, endpoint, there, addresses, strangers, members):
    """`strangers` and `members`: a host, and the address at which it knocks."""
    script = place.script("sum.py", SUM)
    python = harness.python_with_torch()
    expect_codes(agents(place, endpoint, there, addresses, script, PYTHON_EXEC=python), 0, 120)
    running = agents(place, endpoint, there, addresses, "--no-python", "sh", "-c", STAY)
    files = [place.folder / f"at.{rank}" for rank in (0, 1)]
    running[0].wait_until(lambda: all(each.exists() for each in files), 20, "both workers run")
    address, port = files[0].read_text().split()
    equal(address in addresses, True, f"the workers meet at {address}, which was asked for")
    for host, reached_at in strangers + members:
        knock(place, host, reached_at, port)
    running[0].signal(signal.SIGTERM)
    output = expect_codes(running, 143)
    equal(count("closed the connection of .*: not the address of a node of this job", output),
          len(strangers), "hosts that are turned away", output)
    equal(count("closed the connection of .*: .*began with 47", output), len(members),
          "hosts that are heard", output)
    for path in [*files, *place.folder.glob("summed.*")]:
        path.unlink()


def second_interfaces(place):
    """The agents meet on one network, the workers on the other; or only some of them."""
    with harness.scratch() as folder, hosts.network(folder, 3, second=True) as there:
        n1, n2, n3 = there
        for addresses in ((n1.second_address, n2.second_address), (n1.second_address, n2.address)):
            expect_only_members(place, "n1:29400", there[:2], addresses,
                                [(n3, n1.address), (n3, n1.second_address)],
                                [(n2, n1.address), (n2, n1.second_address)])


def ipv6(place):
    with harness.scratch() as folder, hosts.network(folder, 3, v4=False) as there:
        n1, n2, n3 = there
        expect_only_members(place, "n1:29400", there[:2], (n1.v6_address, n2.v6_address),
                            [(n3, n1.v6_address)], [(n2, n1.v6_address)])


def loopback(place):
    """Two agents of one host, which mean to stay there."""
    with harness.scratch() as folder, hosts.network(folder, 2) as there:
        n1, n2 = there
        expect_only_members(place, "127.0.0.1:29400", (n1, n1), ("127.0.0.1", "127.0.0.1"),
                            [(n2, n1.address)], [(n1, "127.0.0.1"), (n1, n1.address)])


def unknown_name(place):
    """Of whichever host: no worker is sent there."""
    with harness.scratch() as folder, hosts.network(folder, 2) as there:
        for addresses in (("nowhere.invalid", None), (None, "nowhere.invalid")):
            running = agents(place, "n1:29400", there, addresses, "--no-python", "echo", "a worker")
            output = expect_codes(running, 1)
            check("cannot take part: --local-addr: look up 'nowhere.invalid': " in output, "why",
                  output)
            equal(count("a worker", output), 0, "workers", output)


if __name__ == "__main__":
    hosts.isolate()
    alone.run_cases(__doc__, [second_interfaces, ipv6, loopback, unknown_name])
