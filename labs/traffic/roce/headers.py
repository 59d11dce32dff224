"""Scapy's RoCE packets, with all that scapy.contrib.roce lacks: the extended headers, and which opcode has which.

Build a packet as with any other layers, then have its bytes by `frame`:

    Ether() / IP(dst=...) / UDP(sport=port, dport=4791) / BTH(opcode="RC_RDMA_WRITE_ONLY", dqpn=17) / RETH(...) / b"abc"

Always give the opcode and the UDP source port: Scapy's defaults for them make it another packet, or none of RoCE. Scapy
is slow (a thousand packets a second): this is for templates, tests and looking. Importing this module binds the layers
for everybody in the process.
"""

from typing import Any, ClassVar

from scapy.compat import raw
from scapy.contrib import roce
from scapy.contrib.roce import BTH, GRH
from scapy.fields import BitEnumField, BitField, IntField, XBitField, XIntField, XLongField
from scapy.packet import Packet, Raw, bind_bottom_up, split_bottom_up

from labs.traffic.roce.icrc import SIZE, icrc
from labs.traffic.roce.opcodes import CNP, OPCODES, Header

__all__ = ["AETH", "BTH", "CLASSES", "DETH", "FETH", "GRH", "IETH", "RDETH", "RETH", "XRCETH", "frame"]
__all__ += ["AtomicAckETH", "AtomicETH", "Extended", "ImmDt"]

INFINIBAND = 0x1B  # the next header of a global route header


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


class AETH(Extended):
    """Acknowledge: `kind` and what its `code` says are the syndrome's seven bits."""

    fields_desc: ClassVar = [
        BitField("reserved", 0, 1),
        BitEnumField("kind", 0, 2, {0: "ACK", 1: "RNR_NAK", 2: "reserved", 3: "NAK"}),
        BitField("code", 31, 5),  # of an ACK: no credits are counted
        XBitField("msn", 0, 24),
    ]


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
    """The bytes of a RoCE packet from Ethernet on: data padded to words, lengths and invariant CRC right.

    Raises Mistake where there is no RoCE in it.
    """
    whole = packet.copy()
    header, data = whole[BTH], whole.getlayer(Raw)
    if data is not None:
        header.padcount = -len(data.load) % 4
        data.load += bytes(header.padcount)
    header.icrc = 0
    if whole.haslayer(GRH):
        whole[GRH].paylen, whole[GRH].nexthdr = len(raw(header)), INFINIBAND
    built = raw(whole)[:-SIZE]
    return bytes(built + icrc(built))


def _bind() -> None:
    for number in (0x11, 0x51):
        split_bottom_up(BTH, roce.AETH, opcode=number)
    names: Any = BTH.fields_desc[0]
    for number, opcode in OPCODES.items():
        names.i2s[number], names.s2i[opcode.name] = opcode.name, number
        if opcode is not CNP and opcode.headers:
            bind_bottom_up(BTH, CLASSES[opcode.headers[0]], opcode=number)


_bind()
