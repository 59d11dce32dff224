"""A message as packets: which opcode, how many bytes, how many sequence numbers. Pure.

InfiniBand Architecture Specification, volume 1, 9.4: all packets but the last are full; a READ request is one packet,
and takes as many numbers as its answer has packets.
"""

from msgspec import Struct

from labs.traffic.qp.bounds import whole
from labs.traffic.qp.model import LONGEST, Operation, Packet, Request
from labs.traffic.qp.psn import MASK
from labs.traffic.roce.fields import Reth
from labs.traffic.roce.opcodes import OPCODES, Header, Place
from topologies.errors import Mistake


class Codes(Struct, frozen=True):
    """Opcodes by the place of a packet in its message."""

    first: int
    middle: int
    last: int
    only: int

    def at(self, index: int, count: int) -> int:
        """The opcode of a packet, by its index and how many the message has."""
        if count == 1:
            return self.only
        if index == 0:
            return self.first
        return self.last if index == count - 1 else self.middle


_NUMBERS = {opcode.name: number for number, opcode in OPCODES.items()}


def _codes(prefix: str, suffix: str = "") -> Codes:
    names = (f"{prefix}_FIRST", f"{prefix}_MIDDLE", f"{prefix}_LAST{suffix}", f"{prefix}_ONLY{suffix}")
    return Codes(*(_NUMBERS[name] for name in names))


READ_REQUEST = _NUMBERS["RC_RDMA_READ_REQUEST"]
ACKNOWLEDGE = _NUMBERS["RC_ACKNOWLEDGE"]
RESPONSES = _codes("RC_RDMA_READ_RESPONSE")
CODES: dict[tuple[Operation, bool], Codes] = {
    (Operation.SEND, False): _codes("RC_SEND"),
    (Operation.SEND, True): _codes("RC_SEND", "_WITH_IMMEDIATE"),
    (Operation.WRITE, False): _codes("RC_RDMA_WRITE"),
    (Operation.WRITE, True): _codes("RC_RDMA_WRITE", "_WITH_IMMEDIATE"),
    (Operation.READ, False): Codes(READ_REQUEST, READ_REQUEST, READ_REQUEST, READ_REQUEST),
}
"""By operation, and whether it has immediate data."""

ANSWERS = frozenset((RESPONSES.first, RESPONSES.middle, RESPONSES.last, RESPONSES.only))


class Step(Struct, frozen=True):
    """What a responder does with a packet that may come. `then`: within which message it is thereafter."""

    operation: Operation
    then: Operation | None
    starts: bool
    ends: bool
    receives: bool  # it takes a receive: the first packet of a SEND, the last of a write with immediate


def _step(operation: Operation, number: int) -> Step:
    opcode = OPCODES[number]
    starts, ends = opcode.place in (Place.FIRST, Place.ONLY), opcode.place in (Place.LAST, Place.ONLY)
    receives = starts if operation is Operation.SEND else Header.IMMEDIATE in opcode.headers
    return Step(operation, None if ends else operation, starts, ends, receives)


def _moves() -> dict[Operation | None, dict[int, Step]]:
    moves: dict[Operation | None, dict[int, Step]] = {within: {} for within in (None, Operation.SEND, Operation.WRITE)}
    for (operation, _), codes in CODES.items():
        for number in (codes.first, codes.middle, codes.last, codes.only):
            step = _step(operation, number)
            moves[None if step.starts else operation][number] = step
    return moves


MOVES = _moves()
"""What may come: within which message (None: between two), by opcode. All else is an invalid request (9.7.4)."""

REQUESTS = frozenset(number for steps in MOVES.values() for number in steps)


class Message(Struct, frozen=True, gc=False):
    """A request with its sequence numbers, whole ones: `first`, and `end` behind its last. `number`: which message."""

    request: Request
    codes: Codes
    first: int
    end: int
    number: int
    mtu: int
    reads: bool
    receives: bool  # whether it takes one of the peer's receives

    def reading(self, psn: int, qp: int) -> Packet:
        """Of a READ, the request for all data from a number on; the data is its acknowledge, so it asks for none."""
        request, offset = self.request, (psn - self.first) * self.mtu
        reth = Reth(request.address + offset, request.rkey, request.length - offset)
        return Packet(READ_REQUEST, qp, psn & MASK, False, 0, offset, reth)

    def packets(self, psn: int, stop: int, qp: int, every: int, full: int) -> list[Packet]:
        """Of all others, its packets from a number up to another.

        The last of all asks for an acknowledge, as does every so many-th, and the one before the number `full`.
        """
        code, first, mtu, last = self.codes.middle, self.first, self.mtu, self.end - 1
        inner = range(max(psn, first + 1), min(stop, last))
        found = [
            Packet(code, qp, each & MASK, (each + 1) % every == 0 or each + 1 == full, mtu, (each - first) * mtu)
            for each in inner
        ]
        if psn == first:
            found.insert(0, self._edge(first, qp, first == last or (first + 1) % every == 0 or first + 1 == full))
        if stop > last > first:
            found.append(self._edge(last, qp, True))
        return found

    def size(self, psn: int, stop: int) -> int:
        """Bytes of its packets from a number up to another."""
        return min((stop - self.first) * self.mtu, self.request.length) - (psn - self.first) * self.mtu

    def _edge(self, psn: int, qp: int, ack: bool) -> Packet:
        """Its first or its last packet."""
        request, index, count = self.request, psn - self.first, self.end - self.first
        offset = index * self.mtu
        size = min(self.mtu, request.length - offset)
        immediate = request.immediate if index == count - 1 else None
        reth = None if index else self._reth()
        return Packet(self.codes.at(index, count), qp, psn & MASK, ack, size, offset, reth, None, immediate)

    def _reth(self) -> Reth | None:
        """Of its first packet."""
        request = self.request
        return Reth(request.address, request.rkey, request.length) if request.operation is Operation.WRITE else None


def packets_of(length: int, mtu: int) -> int:
    """How many packets so many bytes take; none also takes one."""
    return -(-length // mtu) or 1


def message(request: Request, first: int, number: int, mtu: int) -> Message:
    """A request as the message with a number, whose first packet has this number. Raises Mistake for what cannot be."""
    checked(request)
    operation = request.operation
    immediate = request.immediate is not None
    return Message(
        request,
        CODES[operation, immediate],
        first,
        first + packets_of(request.length, mtu),
        number,
        mtu,
        operation is Operation.READ,
        operation is Operation.SEND or immediate,
    )


def checked(request: Request) -> None:
    """Raise Mistake for a request that no packet can carry."""
    place = f"request {request.id!r}"
    if not isinstance(request.operation, Operation):
        raise Mistake(f"{place}: no operation {request.operation!r}; there are {', '.join(Operation)}")
    whole(f"{place}: length", request.length, 0, LONGEST)
    whole(f"{place}: rkey", request.rkey, 0, (1 << 32) - 1)
    whole(f"{place}: address", request.address, 0, (1 << 64) - max(request.length, 1))
    if request.immediate is not None:
        if request.operation is Operation.READ:
            raise Mistake(f"{place}: a read has no immediate data")
        whole(f"{place}: immediate", request.immediate, 0, (1 << 32) - 1)
