"""What each opcode of the base transport header means: one table, which code, tests and documents read. Pure.

InfiniBand Architecture Specification, volume 1, table 38 (RC, UC, RD, UD), annex A14 (XRC), annex A19 (FLUSH, ATOMIC
WRITE); 0x81 is RoCEv2's congestion notification packet (annex A17.9). The upper three bits are the transport, the lower
five the operation.
"""

from enum import StrEnum

from msgspec import Struct


class Header(StrEnum):
    """An extended transport header. They follow each other in this order."""

    RDETH = "RDETH"
    DETH = "DETH"
    XRCETH = "XRCETH"
    FETH = "FETH"
    RETH = "RETH"
    ATOMIC = "AtomicETH"
    AETH = "AETH"
    ATOMIC_ACK = "AtomicAckETH"
    IMMEDIATE = "ImmDt"
    IETH = "IETH"


SIZES = {
    Header.RDETH: 4,
    Header.DETH: 8,
    Header.XRCETH: 4,
    Header.FETH: 4,
    Header.RETH: 16,
    Header.ATOMIC: 28,
    Header.AETH: 4,
    Header.ATOMIC_ACK: 8,
    Header.IMMEDIATE: 4,
    Header.IETH: 4,
}
"""Bytes of each extended header."""


class Transport(StrEnum):
    """Who the two ends of a packet are to each other."""

    RC = "RC"  # reliable connection
    UC = "UC"  # unreliable connection
    RD = "RD"  # reliable datagram
    UD = "UD"  # unreliable datagram
    CNP = "CNP"  # congestion notification
    XRC = "XRC"  # extended reliable connection


class Place(StrEnum):
    """Which packet of its message one is."""

    FIRST = "first"
    MIDDLE = "middle"
    LAST = "last"
    ONLY = "only"


class Opcode(Struct, frozen=True):
    """One opcode. `headers` follow the base header in this order; `payload`: data may follow them."""

    number: int
    name: str
    transport: Transport
    place: Place
    headers: tuple[Header, ...]
    payload: bool
    response: bool  # from the responder to the requester

    @property
    def size(self) -> int:
        """Bytes of its extended headers."""
        return sum(SIZES[header] for header in self.headers)

    def before(self, header: Header) -> int:
        """Bytes of the extended headers that stand before one that it has."""
        return sum(SIZES[each] for each in self.headers[: self.headers.index(header)])


_BASES = {0x00: Transport.RC, 0x20: Transport.UC, 0x40: Transport.RD, 0x60: Transport.UD, 0xA0: Transport.XRC}
_FIRST, _MIDDLE, _LAST, _ONLY = Place
_RETH, _AETH, _IMM, _IETH = Header.RETH, Header.AETH, Header.IMMEDIATE, Header.IETH

# Lower five bits: name, place, headers beside those of the transport, payload.
_OPERATIONS: dict[int, tuple[str, Place, tuple[Header, ...], bool]] = {
    0x00: ("SEND_FIRST", _FIRST, (), True),
    0x01: ("SEND_MIDDLE", _MIDDLE, (), True),
    0x02: ("SEND_LAST", _LAST, (), True),
    0x03: ("SEND_LAST_WITH_IMMEDIATE", _LAST, (_IMM,), True),
    0x04: ("SEND_ONLY", _ONLY, (), True),
    0x05: ("SEND_ONLY_WITH_IMMEDIATE", _ONLY, (_IMM,), True),
    0x06: ("RDMA_WRITE_FIRST", _FIRST, (_RETH,), True),
    0x07: ("RDMA_WRITE_MIDDLE", _MIDDLE, (), True),
    0x08: ("RDMA_WRITE_LAST", _LAST, (), True),
    0x09: ("RDMA_WRITE_LAST_WITH_IMMEDIATE", _LAST, (_IMM,), True),
    0x0A: ("RDMA_WRITE_ONLY", _ONLY, (_RETH,), True),
    0x0B: ("RDMA_WRITE_ONLY_WITH_IMMEDIATE", _ONLY, (_RETH, _IMM), True),
    0x0C: ("RDMA_READ_REQUEST", _ONLY, (_RETH,), False),
    0x0D: ("RDMA_READ_RESPONSE_FIRST", _FIRST, (_AETH,), True),
    0x0E: ("RDMA_READ_RESPONSE_MIDDLE", _MIDDLE, (), True),
    0x0F: ("RDMA_READ_RESPONSE_LAST", _LAST, (_AETH,), True),
    0x10: ("RDMA_READ_RESPONSE_ONLY", _ONLY, (_AETH,), True),
    0x11: ("ACKNOWLEDGE", _ONLY, (_AETH,), False),
    0x12: ("ATOMIC_ACKNOWLEDGE", _ONLY, (_AETH, Header.ATOMIC_ACK), False),
    0x13: ("COMPARE_SWAP", _ONLY, (Header.ATOMIC,), False),
    0x14: ("FETCH_ADD", _ONLY, (Header.ATOMIC,), False),
    0x15: ("RESYNC", _ONLY, (), False),
    0x16: ("SEND_LAST_WITH_INVALIDATE", _LAST, (_IETH,), True),
    0x17: ("SEND_ONLY_WITH_INVALIDATE", _ONLY, (_IETH,), True),
    0x1C: ("FLUSH", _ONLY, (Header.FETH, _RETH), False),
    0x1D: ("ATOMIC_WRITE", _ONLY, (_RETH,), True),
}
_RESPONSES = frozenset(range(0x0D, 0x13))
_CONNECTED = frozenset(range(0x15)) | {0x16, 0x17}
_KNOWN: dict[Transport, frozenset[int]] = {
    Transport.RC: _CONNECTED | {0x1C, 0x1D},
    Transport.UC: frozenset(range(0x0C)),
    Transport.RD: frozenset(range(0x16)),
    Transport.UD: frozenset({0x04, 0x05}),
    Transport.XRC: _CONNECTED,
}


def _opcode(base: int, transport: Transport, operation: int) -> Opcode:
    name, place, own, payload = _OPERATIONS[operation]
    response = operation in _RESPONSES
    before: tuple[Header, ...] = ()
    if transport is Transport.RD:
        before = (Header.RDETH,) if response else (Header.RDETH, Header.DETH)
    elif transport is Transport.UD:
        before = (Header.DETH,)
    elif transport is Transport.XRC and not response:
        before = (Header.XRCETH,)
    return Opcode(base | operation, f"{transport}_{name}", transport, place, (*before, *own), payload, response)


CNP = Opcode(0x81, "CNP", Transport.CNP, Place.ONLY, (), payload=False, response=True)  # sixteen reserved bytes follow
OPCODES: dict[int, Opcode] = {
    base | operation: _opcode(base, transport, operation)
    for base, transport in _BASES.items()
    for operation in sorted(_KNOWN[transport])
} | {CNP.number: CNP}
"""All opcodes by number."""
