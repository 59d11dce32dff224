"""Frames that the tests of RoCE share: one of every opcode, its fields of random values."""

import random
import string
from collections.abc import Callable

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet

from labs.traffic.roce.headers import BTH, CLASSES, GRH
from labs.traffic.roce.opcodes import OPCODES, Opcode

MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
V4, V6 = {"src": "10.0.0.1", "dst": "10.0.0.2"}, {"src": "fd00::1", "dst": "fd00::2"}
VALUES = {"va": 64, "rkey": 32, "dmalen": 31, "kind": 2, "code": 5, "msn": 24, "qkey": 32, "sqpn": 24, "eecnxt": 24}
VALUES |= {"xrcsrq": 24, "selectivity": 2, "placement": 4, "swapdt": 64, "cmpdt": 64, "origremdt": 64, "data": 32}
"""Bits of every field of the extended headers."""


def over_ipv4(luck: random.Random) -> Packet:
    """A carrier: Ethernet, IPv4 and UDP."""
    return Ether(**MACS) / IP(**V4, tos=luck.getrandbits(8)) / UDP(sport=0xC000 | luck.getrandbits(14), dport=4791)


def over_ipv6(luck: random.Random) -> Packet:
    """The same over IPv6."""
    return Ether(**MACS) / IPv6(**V6, tc=luck.getrandbits(8)) / UDP(sport=0xC000 | luck.getrandbits(14), dport=4791)


def in_a_vlan(luck: random.Random) -> Packet:
    """IPv4 in a VLAN."""
    udp = UDP(sport=0xC000 | luck.getrandbits(14), dport=4791)
    return Ether(**MACS) / Dot1Q(vlan=luck.randrange(1, 4095)) / IP(**V4, tos=luck.getrandbits(8)) / udp


def first_version(luck: random.Random) -> Packet:
    """RoCEv1: a global route header."""
    return Ether(**MACS, type=0x8915) / GRH(sgid=luck.getrandbits(128), dgid=1, tclass=luck.getrandbits(8))


CARRIERS: tuple[Callable[[random.Random], Packet], ...] = (over_ipv4, over_ipv6, in_a_vlan, first_version)


def packet(opcode: Opcode, carrier: Packet, luck: random.Random) -> Packet:
    """A packet of an opcode, whole but for its sums and lengths."""
    flags = {name: luck.getrandbits(1) for name in ("solicited", "fecn", "becn", "ackreq")}
    made = carrier / BTH(opcode=opcode.number, dqpn=luck.getrandbits(24), psn=luck.getrandbits(24), **flags)
    for header in opcode.headers:
        kind = CLASSES[header]
        names = [each.name for each in kind.fields_desc if each.name in VALUES]
        made /= kind(**{name: luck.getrandbits(VALUES[name]) for name in names})
    if opcode.payload:
        made /= "".join(luck.choices(string.ascii_letters, k=luck.randrange(1, 64))).encode()
    return made


def one_of_each(carrier: Callable[[random.Random], Packet], seed: int = 1) -> list[tuple[Opcode, Packet]]:
    """A packet of every opcode that has no body of its own."""
    luck = random.Random(seed)
    return [(each, packet(each, carrier(luck), luck)) for each in OPCODES.values()]
