"""Scapy's RoCE packets, with all that scapy.contrib.roce lacks: the extended headers, and which opcode has which.

Build a packet as with any other layers, then have its bytes by `frame`:

    Ether() / IP(dst=...) / UDP(sport=port, dport=4791) / BTH(opcode="RC_RDMA_WRITE_ONLY", dqpn=17) / RETH(...) / b"abc"

Always give the opcode and the UDP source port: Scapy's defaults for them make it another packet, or none of RoCE. Scapy
is slow (a thousand packets a second): this is for templates, tests and looking. Importing this module binds the layers
for everybody in the process.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from scapy.compat import raw
from scapy.contrib import roce
from scapy.contrib.roce import BTH, GRH
from scapy.fields import BitEnumField, BitField, IntField, XBitField, XIntField, XLongField
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Padding, Raw, bind_bottom_up, bind_top_down, split_bottom_up

from labs.traffic.roce.icrc import SIZE, icrc
from labs.traffic.roce.opcodes import CNP, OPCODES, Header
from topologies.errors import Mistake

__all__ = ["AETH", "BTH", "CLASSES", "DETH", "FETH", "GRH", "IETH", "RDETH", "RETH", "XRCETH", "frame"]
__all__ += ["AtomicAckETH", "AtomicETH", "Extended", "ImmDt"]

WORD = 4  # bytes
INFINIBAND = 0x1B  # the next header of a global route header
DERIVED: dict[type[Packet], tuple[str, ...]] = {IP: ("ihl", "len", "chksum"), IPv6: ("plen",), UDP: ("len",)}
"""Fields that follow from the rest of a packet."""


class Extended(Packet):
    """An extended transport header: what follows one is a matter of the opcode far before it."""

    def guess_payload_class(self, payload: bytes) -> Any:
        """The class of the header that follows this one, or plain data."""
        passed, below = 0, self.underlayer
        while isinstance(below, Extended):
            passed, below = passed + 1, below.underlayer
        known = OPCODES.get(below.opcode) if isinstance(below, BTH) else None
        following = known.headers[passed + 1 :] if known else ()
        return CLASSES[following[0]] if following else Raw


class RETH(Extended):
    """RDMA: where, by which key, how many bytes."""

    fields_desc: ClassVar = [XLongField("va", 0), XIntField("rkey", 0), IntField("dmalen", 0)]


class AETH(Extended, roce.AETH):
    """Acknowledge: Scapy's, its syndrome taken apart. `kind` and what its `code` says are seven bits of that byte."""

    fields_desc: ClassVar = [
        BitField("reserved", 0, 1),
        BitEnumField("kind", 0, 2, {0: "ACK", 1: "RNR_NAK", 2: "reserved", 3: "NAK"}),
        BitField("code", 31, 5),  # of an ACK: no credits are counted
        XBitField("msn", 0, 24),
    ]

    def __init__(self, *words: Any, **fields: Any) -> None:
        syndrome = fields.pop("syndrome", None)
        super().__init__(*words, **fields)
        if syndrome is not None:
            self.syndrome = syndrome

    @property
    def syndrome(self) -> int:
        """The byte as a whole, which is all that Scapy's has of it."""
        return int(self.reserved << 7 | self.kind << 5 | self.code)

    @syndrome.setter
    def syndrome(self, byte: int) -> None:
        self.reserved, self.kind, self.code = byte >> 7, byte >> 5 & 0x03, byte & 0x1F


class DETH(Extended):
    """Datagram: the key of the destination, and who sends."""

    fields_desc: ClassVar = [XIntField("qkey", 0), BitField("reserved", 0, 8), XBitField("sqpn", 0, 24)]


class RDETH(Extended):
    """Reliable datagram: the end-to-end context."""

    fields_desc: ClassVar = [BitField("reserved", 0, 8), XBitField("eecnxt", 0, 24)]


class XRCETH(Extended):
    """Extended reliable connection: the receive queue."""

    fields_desc: ClassVar = [BitField("reserved", 0, 8), XBitField("xrcsrq", 0, 24)]


class FETH(Extended):
    """Flush: what, and how far."""

    fields_desc: ClassVar = [BitField("reserved", 0, 26), BitField("selectivity", 0, 2), BitField("placement", 0, 4)]


class AtomicETH(Extended):
    """Atomic operation: its operands."""

    fields_desc: ClassVar = [XLongField("va", 0), XIntField("rkey", 0), XLongField("swapdt", 0), XLongField("cmpdt", 0)]


class AtomicAckETH(Extended):
    """Answer to an atomic operation: what was there."""

    fields_desc: ClassVar = [XLongField("origremdt", 0)]


class ImmDt(Extended):
    """Immediate data."""

    fields_desc: ClassVar = [XIntField("data", 0)]


class IETH(Extended):
    """Invalidate: the key that is no longer to be good."""

    fields_desc: ClassVar = [XIntField("rkey", 0)]


CLASSES: dict[Header, type[Extended]] = {
    Header.RETH: RETH,
    Header.AETH: AETH,
    Header.DETH: DETH,
    Header.RDETH: RDETH,
    Header.XRCETH: XRCETH,
    Header.FETH: FETH,
    Header.ATOMIC: AtomicETH,
    Header.ATOMIC_ACK: AtomicAckETH,
    Header.IMMEDIATE: ImmDt,
    Header.IETH: IETH,
}


def frame(packet: Packet) -> bytes:
    """The bytes of a RoCE packet from Ethernet on: data padded to words, lengths, sums and invariant CRC right.

    Of a packet out of a capture too, changed or not: nothing is kept that follows from the rest. A UDP checksum of 0 is
    none, and stays that. Raises Mistake where there is no RoCE in it.
    """
    if BTH not in packet:
        raise Mistake(f"no RoCE in {packet.summary()}")
    whole = packet.copy()
    header = whole[BTH]
    _forget(whole)
    _pad(header, _padding(packet))
    header.icrc = 0
    if whole.haslayer(GRH):
        whole[GRH].paylen, whole[GRH].nexthdr = len(raw(header)), INFINIBAND
    header.icrc = int.from_bytes(icrc(raw(_carrier(header))[:-SIZE]), "big")
    return bytes(raw(whole))


def _carrier(header: Packet) -> Packet:
    """From the Ethernet header on that is next to RoCE's, be there a tunnel around it."""
    while header.underlayer and not isinstance(header, Ether):
        header = header.underlayer
    return header


def _forget(packet: Packet) -> None:
    """Let Scapy reckon anew what it read: lengths and sums, of an outer packet too; padding of short frames goes."""
    for layer in _layers(packet):
        for name in DERIVED.get(type(layer), ()):
            layer.delfieldval(name)
        if isinstance(layer, UDP) and layer.chksum:
            del layer.chksum
        if isinstance(layer.payload, Padding):
            layer.remove_payload()


def _padding(packet: Packet) -> int:
    """How many bytes of a packet's data are padding: Scapy leaves it there where it took a frame apart."""
    data = packet[BTH].getlayer(Raw)
    return int(packet[BTH].padcount) if data is not None and data.load == data.original else 0


def _pad(header: Packet, padding: int) -> None:
    """Have the data of a packet end with a word, where so much of it is padding now."""
    if data := header.getlayer(Raw):
        data.load = data.load[: len(data.load) - padding]
    header.padcount = -len(header.payload) % WORD
    if header.padcount:
        header.add_payload(Raw(bytes(header.padcount)))


def _layers(packet: Packet) -> Iterator[Packet]:
    while packet:
        yield packet
        packet = packet.payload


def _bind() -> None:
    for number in (0x11, 0x51):
        split_bottom_up(BTH, roce.AETH, opcode=number)
    bind_top_down(BTH, AETH, opcode=0x11)
    names: Any = BTH.fields_desc[0]
    for number, opcode in OPCODES.items():
        names.i2s[number], names.s2i[opcode.name] = opcode.name, number
        if opcode is not CNP and opcode.headers:
            bind_bottom_up(BTH, CLASSES[opcode.headers[0]], opcode=number)


_bind()
