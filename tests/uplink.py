"""A machine of the test's own with an uplink, which forwards packets as a machine with Docker does.

    outside                     machine
    the gateway, and an ear     the lab runs here: ip_forward on, for IPv6 too, default routes over the uplink
        inlet ---------------- uplink

It is namespaces: its network, mounts, /run, /etc and processes are its own, so the real machine's stay as they are, and
when its first process ends, everything in it does. The gateway answers nothing and passes nothing on.
"""

import json
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from program import Closlab

from topologies.runtime.syscalls import inside_netns

GATEWAYS = ("203.0.113.1", "2001:db8:0:1::1")  # documentation addresses, all of them (RFC 5737, RFC 3849)
UPLINKS = ("203.0.113.2", "2001:db8:0:1::2")
OUTSIDE = ("198.51.100.7", "2001:db8:0:2::7")
CONTROL = ("198.51.100.99", "2001:db8:0:2::99")  # where only the machine itself sends
OUTGOING = 4  # what the gateway itself sends, as packet(7) tells it
NEIGHBOUR_DISCOVERY = range(133, 137)  # ICMPv6 types (RFC 4861): the machine's own
SETUP = f"""
mount -t tmpfs none /run
mkdir /run/netns /run/lock /run/etc
cp -a /etc/. /run/etc
rm -f /run/etc/resolv.conf
echo nameserver {GATEWAYS[0]} >/run/etc/resolv.conf
mount --bind /run/etc /etc
ip netns add outside
ip link set lo up
ip link add uplink type veth peer name inlet netns outside
ip address add {UPLINKS[0]}/24 dev uplink
ip address add {UPLINKS[1]}/64 dev uplink nodad
ip link set uplink up
ip -n outside address add {GATEWAYS[0]}/24 dev inlet
ip -n outside address add {GATEWAYS[1]}/64 dev inlet nodad
ip -n outside link set inlet up
ip route add default via {GATEWAYS[0]}
ip route add default via {GATEWAYS[1]}
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
echo ready
trap '' CHLD
exec sleep infinity
"""
# Bash opens sockets by itself, in nodes of any image that has it; a connection is tried, and not waited for.
SEND = """
send() {
    (echo seal >"/dev/udp/$1/9") 2>/dev/null && sent=$((sent + 1))
    timeout 0.2 bash -c "</dev/tcp/$1/9" 2>/dev/null &
}
"""
# $1 and $2 are the gateways of the management network, the rest are addresses outside. Says how many datagrams the
# node's own kernel took for each way: with the routes that the lab gave, without a default route, with one by hand.
SEEK = """
v4=$1 v6=$2
shift 2
for way in given none management; do
    if [ $way != given ]; then ip -4 route flush exact default; ip -6 route flush exact default; fi
    if [ $way = management ]; then ip route add default via $v4 dev eth0; ip route add default via $v6 dev eth0; fi
    sent=0
    for target; do send $target; done
    wait
    echo $way $sent
done
"""


@dataclass(frozen=True)
class Packet:
    """An IP packet that came over the uplink."""

    source: str
    target: str
    protocol: int


@dataclass(frozen=True)
class Uplinked:
    """The machine, by the process that holds its namespaces, and its ear outside."""

    holder: int
    ear: socket.socket

    @property
    def under(self) -> tuple[str, ...]:
        """What starts a program on this machine."""
        base = f"/proc/{self.holder}/ns"
        return ("nsenter", f"--net={base}/net", f"--mount={base}/mnt", f"--pid={base}/pid_for_children", "--")

    def run(self, *argv: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """A program on this machine, to its end."""
        return subprocess.run([*self.under, *argv], text=True, capture_output=True, timeout=120, check=check)

    def leaving(self) -> list[Packet]:
        """What left over the uplink since the last call. The machine itself sends a packet of each family: that they
        are heard shows that what leaves is heard, and that all before them was."""
        self.run("bash", "-c", "".join(f"echo control >/dev/udp/{address}/9\n" for address in CONTROL))
        expected = {Packet(*ends, socket.IPPROTO_UDP) for ends in zip(UPLINKS, CONTROL, strict=True)}
        heard: list[Packet] = []
        while not expected <= set(heard):
            frame, (_, _, kind, *_) = self.ear.recvfrom(65536)
            heard += packets(frame) if kind != OUTGOING else ()
        return [each for each in heard if each not in expected]


def packets(frame: bytes) -> Iterator[Packet]:
    """The packet in an Ethernet frame: nothing for ARP, multicast and what finds neighbours."""
    (kind,) = struct.unpack_from("!H", frame, 12)
    source: IPv4Address | IPv6Address
    if kind == 0x0800:
        source, target = (ip_address(frame[at : at + 4]) for at in (26, 30))
        protocol = frame[23]
    elif kind == 0x86DD:
        source, target = (ip_address(frame[at : at + 16]) for at in (22, 38))
        protocol = frame[20]
    else:
        return
    discovers = protocol == socket.IPPROTO_ICMPV6 and frame[54] in NEIGHBOUR_DISCOVERY
    if not (target.is_multicast or discovers):
        yield Packet(str(source), str(target), protocol)


def management_gateways(machine: Uplinked, closlab: Closlab, lab: str, node: str) -> tuple[str, str]:
    """The first addresses of the management network of a node, IPv4 and IPv6: its bridge's."""
    shown = json.loads(closlab("show", lab, "--json", under=machine.under).stdout)
    here = next(each for each in shown["nodes"] if each["name"] == node)
    return (here["mgmt_ipv4"].rpartition(".")[0] + ".1", here["mgmt_ipv6"].rpartition(":")[0] + ":1")


def seek_a_way_out(machine: Uplinked, closlab: Closlab, lab: str, node: str) -> dict[str, int]:
    """Have a node of a lab on this machine send to the outside and to the gateway of the uplink, as SEEK says.

    Returns how many datagrams its kernel took for each way.
    """
    gateways = management_gateways(machine, closlab, lab, node)
    script = ["bash", "-c", SEND + SEEK, "seek", *gateways, *OUTSIDE, *GATEWAYS]
    done = closlab("exec", "--lab", lab, node, "--", *script, under=machine.under)
    assert done.returncode == 0, done.stderr
    return {way: int(sent) for way, sent in (line.split() for line in done.stdout.splitlines())}


@contextmanager
def uplinked() -> Iterator[Uplinked]:
    """The machine for the length of a block."""
    argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    argv += ["--mount-proc", "sh", "-ec", SETUP]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "ready\n"
            with inside_netns(f"/proc/{holder.pid}/root/run/netns/outside"):
                ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            with ear:
                ear.settimeout(10)
                yield Uplinked(holder.pid, ear)
        finally:
            holder.kill()
