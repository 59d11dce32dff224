"""Labs that the tests of the native runtime bring up, and what the machine looked like before."""

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Protocol

from topologies.designs import Cables, leaf_spine
from topologies.lab import Lab
from topologies.model import Attachment, Fabric, Numbering, Pools, Underlay
from topologies.plan import Plan
from topologies.planning import plan
from topologies.render.assemble import lab as assembled
from topologies.runtime import identity
from topologies.runtime.model import LabRecord, Status
from topologies.runtime.netlink import Netlink
from topologies.runtime.netns import Netns

POOLS = Pools(
    loopbacks4=IPv4Network("10.0.0.0/16"),
    loopbacks6=IPv6Network("fd00:1::/48"),
    links4=IPv4Network("10.64.0.0/12"),
    links6=IPv6Network("fd00:2::/48"),
    hosts4=IPv4Network("10.128.0.0/10"),
    hosts6=IPv6Network("fd00:3::/48"),
)

FRR_BASE = {"zebra", *(("mgmtd",) if Path("/usr/lib/frr/mgmtd").exists() else ())}  # FRR 9 and later have both


def fabric(name: str, *, spines: int = 2, leaves: int = 4, hosts: int = 1) -> tuple[Lab, Plan]:
    """A numbered leaf-spine fabric and its plan."""
    cables = Cables(mtu=9216, rate_mbps=None, host_mtu=9000, host_rate_mbps=1000)
    wiring = leaf_spine(spines=spines, leaves=leaves, hosts_per_leaf=hosts, nics=1, cables=cables)
    underlay = Underlay(
        numbering=Numbering.NUMBERED,
        ipv4=True,
        ipv6=True,
        bfd=False,
        ecmp=64,
        hosts=Attachment.STATIC,
        asn_base=4200000000,
        pools=POOLS,
    )
    whole = Fabric(name, "leaf-spine", wiring.nodes, wiring.links, underlay)
    planned = plan(whole)
    return assembled(whole, planned), planned


def record_of(lab: Lab) -> LabRecord:
    """The record of a lab that is about to be brought up."""
    return LabRecord(
        name=lab.name,
        id=f"test-{os.getpid()}",
        runtime="netns",
        status=Status.CREATING,
        created=time.time(),
        boot_id=identity.boot_id(),
        uid=os.geteuid(),
        version="test",
        files="",
        lab=lab,
    )


class Network(Protocol):
    """Where sockets can be made: a node by its door, or another network."""

    def socket(self, family: int, type: int) -> socket.socket:
        """A socket of that network."""


def reaches(sender: Network, receiver: Network, address: str) -> bool:
    """Whether a datagram sent by one node to an address of another arrives there, tried for two seconds."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with receiver.socket(family, socket.SOCK_DGRAM) as there, sender.socket(family, socket.SOCK_DGRAM) as here:
        there.bind((address, 0))
        there.settimeout(0.1)
        for _ in range(20):
            try:
                here.sendto(b"are you there", there.getsockname())
                return there.recv(100) == b"are you there"
            except OSError:
                continue
    return False


def nothing(*_: object) -> None:
    """Neither notes nor says anything."""


@contextmanager
def running(lab: Lab) -> Iterator[LabRecord]:
    """A lab for the length of a block."""
    record = Netns().up(record_of(lab), note=nothing, say=nothing)
    try:
        yield record
    finally:
        Netns().down(record)


ENGINE = re.compile(r"docker|containerd|^(veth|br-|clab-)")  # what a container engine does meanwhile is not ours


@dataclass(frozen=True)
class Machine:
    """What a lab could leave behind on the machine: mounts, interfaces, names of networks, files."""

    seen: frozenset[str]

    @classmethod
    def now(cls) -> "Machine":
        """The machine as it is."""
        with Netlink.open() as kernel:
            found = {link.name for link in kernel.links()}
        found |= {line.split(" ", 3)[3] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
        for folder in ("/run", "/run/netns", "/etc", "/etc/frr", "/var/tmp", "/run/frr", "/var/log/frr"):
            found |= {f"{folder}/{name}" for name in os.listdir(folder)} if os.access(folder, os.R_OK) else set()
        return cls(frozenset(each for each in found if not ENGINE.search(each)))

    def left(self, record: LabRecord) -> set[str]:
        """What is there now and was not then, names of other labs left out, and the lab's processes that still run."""
        new = {each for each in self.now().seen - self.seen if "/run/netns/" not in each or record.name in each}
        inits = [record.init, *(node.init for node in record.nodes)]
        return new | {f"process {each.pid}" for each in inits if each and identity.alive(each, record.boot_id)}
