"""What a capture has of each flow: counts, and where its packet sequence numbers (PSN) do not follow. Pure.

A flow is what goes one way to one queue pair. A PSN further on than the next one is a gap of so many packets, one that
is behind was sent again. Answers have no sequence of their own: they repeat the numbers of what they answer. After a
read request the number goes on by as many packets as its answer has, which nobody but its sender knows.

A packet whose invariant CRC is wrong is counted as that and as nothing else: a NIC drops it without a word, and none of
its fields is to be believed, be it the queue pair or the number.
"""

from collections.abc import Mapping

from msgspec import Struct

from labs.traffic.roce.explain import Packet, Sum
from labs.traffic.roce.fields import Answer
from labs.traffic.roce.opcodes import OPCODES, Transport

Key = tuple[str, str, int]
"""Source, destination, queue pair at the destination."""

HALF, WHOLE = 1 << 23, 1 << 24
CONGESTED = 3  # the two bits of ECN, where a switch marked it


class Flow(Struct):
    """The counts of one flow. `payload` in bytes; `missing` is how many packets its gaps have together.

    `wrong_icrc` are beside the `packets`, and in no other count.
    """

    source: str
    destination: str
    qp: int
    packets: int = 0
    payload: int = 0
    marked: int = 0
    acks: int = 0
    naks: int = 0
    cnps: int = 0
    gaps: int = 0
    missing: int = 0
    repeated: int = 0
    wrong_icrc: int = 0


class Summary:
    """All flows seen so far."""

    def __init__(self) -> None:
        self._flows: dict[Key, Flow] = {}
        self._next: dict[Key, int | None] = {}  # the PSN that should follow; None where that is not known

    @property
    def flows(self) -> Mapping[Key, Flow]:
        """By source, destination and queue pair, in the order of their first packets."""
        return self._flows

    def add(self, packet: Packet) -> None:
        """Count a packet."""
        key = (packet.source, packet.destination, packet.qp)
        flow = self._flows.setdefault(key, Flow(*key))
        if packet.icrc is Sum.WRONG:
            flow.wrong_icrc += 1
            return
        flow.packets += 1
        flow.payload += packet.payload
        flow.marked += packet.ecn == CONGESTED
        opcode = OPCODES.get(packet.number)
        if packet.aeth is not None:
            flow.acks += packet.aeth.answer is Answer.ACK
            flow.naks += packet.aeth.answer in (Answer.NAK, Answer.RNR)
        if opcode is None or opcode.transport is Transport.CNP:
            flow.cnps += opcode is not None
        elif not opcode.response and opcode.transport is not Transport.UD:
            self._follow(key, flow, packet, unknown_after=opcode.name.endswith("READ_REQUEST"))

    def _follow(self, key: Key, flow: Flow, packet: Packet, *, unknown_after: bool) -> None:
        expected = self._next.get(key)
        ahead = 0 if expected is None else (packet.psn - expected) % WHOLE
        if ahead >= HALF:
            flow.repeated += 1
            return
        if ahead:
            flow.gaps += 1
            flow.missing += ahead
        self._next[key] = None if unknown_after else (packet.psn + 1) % WHOLE
