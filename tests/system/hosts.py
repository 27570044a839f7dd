"""Hosts with addresses of their own, for the system tests: network namespaces on a switch, each
with its own host name and /etc/hosts. The test runs with all of them in namespaces of its own,
processes included: whatever ends it, the kernel ends them, and the machine's network is never
touched. Standard library only, as harness.py."""

import contextlib
import os
import shutil
import subprocess
import sys

import harness

ISOLATED = "TORCHELASTIC_TEST_ISOLATED"
PORT = "29400"

# Says when it is ready, and is there until it is killed.
HOLD = ('hostname "$1" && mount --bind "$2" /etc/hosts && ip link set lo up && echo && '
        'exec sleep inf')


def isolate():
    """Starts this program anew as all that its own processes and networks know."""
    if ISOLATED in os.environ:
        os.environ.pop(ISOLATED)
        return
    if os.geteuid() != 0:
        harness.skip("not root: hosts of their own need network namespaces")
    for program in ("ip", "unshare", "nsenter"):
        if not shutil.which(program):
            harness.skip(f"no {program} on this machine")
    namespaces = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--net"]
    if subprocess.run([*namespaces, "true"], check=False, capture_output=True).returncode != 0:
        harness.skip("no namespaces can be made here")
    # Process 1 is a shell: it reaps what loses its parent.
    again = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, *sys.argv]
    os.execvpe("unshare", [*namespaces, *again], {**os.environ, ISOLATED: "1"})


def ip(*commands):
    """Each is the words of one ip(8) command."""
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=False,
                          capture_output=True)
    harness.equal(done.returncode, 0, f"ip {'; '.join(commands)}", done.stderr)


class Host:
    """One of them. `name` is also that of its port of the switch."""

    def __init__(self, number, folder, hosts_file):
        self.number = number
        self.name = f"n{number}"
        self.address = f"10.77.0.{number}"
        self.second_address = f"10.78.0.{number}"
        self.v6_address = f"fd77::{number}"
        self.ports = []
        path = folder / f"hosts.{self.name}"
        path.write_text(hosts_file)
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--uts", "sh", "-c", HOLD, "sh", self.name, path],
            stdout=subprocess.PIPE, cwd="/", start_new_session=True)
        harness.equal(self._holder.stdout.readline(), b"\n", f"host {self.name} has begun")

    @property
    def pid(self):
        return self._holder.pid

    def enter(self, folder):
        """What is to start a program there, in that folder."""
        namespaces = ["--net", "--mount", "--uts", "--root"]  # a mount namespace has its own root
        return ["nsenter", "-t", str(self.pid), *namespaces, "env", "-C", folder]

    def plug_in(self, interface, switch, *addresses):
        port = self.name if interface == "eth0" else f"{self.name}.{interface}"
        self.ports.append(port)
        ip(f"link add {port} type veth peer name {interface} netns {self.pid}",
           f"link set {port} master {switch} up")
        self.ip(*(f"addr add {each} dev {interface}" for each in addresses),
                f"link set {interface} up")

    def ip(self, *commands):
        done = subprocess.run(["nsenter", "-t", str(self.pid), "--net", "ip", "-batch", "-"],
                              input="\n".join(commands), text=True, check=False,
                              capture_output=True)
        harness.equal(done.returncode, 0, f"{self.name}: ip {commands}", done.stderr)

    def cut(self):
        ip(f"link set {self.name} down")

    def heal(self):
        ip(f"link set {self.name} up")

    def drop_all_to(self, other):
        """What this host sends to the other never arrives; what comes from there still does."""
        self.ip(f"neigh replace {other.address} lladdr 02:00:00:00:00:99 nud permanent dev eth0")

    def remove(self):
        for port in self.ports:
            subprocess.run(["ip", "link", "del", port], check=False, capture_output=True)
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()


@contextlib.contextmanager
def network(folder, count, v4=True, second=False, own_name=None):
    """That many hosts, n1 and so on, at 10.77.0.1 and so on. `v4`: else fd77::1 and so on are all
    they have. `second`: eth1 has 10.78.0.1 and so on. `own_name`: where a host finds itself by
    name."""
    hosts = []
    prefix = "10.77.0." if v4 else "fd77::"
    ip("link set lo up", "link add switch type bridge mcast_snooping 0", "link set switch up",
       "link add switch2 type bridge", "link set switch2 up")
    try:
        for number in range(1, count + 1):
            lines = ["127.0.0.1 localhost", "::1 localhost"]
            for other in range(1, count + 1):
                here = own_name if own_name and other == number else f"{prefix}{other}"
                lines.append(f"{here} n{other}")
            host = Host(number, folder, "\n".join(lines) + "\n")
            hosts.append(host)
            host.plug_in("eth0", "switch",
                         f"{host.address}/24" if v4 else f"{host.v6_address}/64 nodad")
            if second:
                host.plug_in("eth1", "switch2", f"{host.second_address}/24")
        yield hosts
    finally:
        for host in hosts:
            host.remove()
        for name in ("switch", "switch2"):
            ip(f"link del {name}")
