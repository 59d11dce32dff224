"""The half of a connected queue pair that is asked: what it takes, and what it answers. Pure.

A packet is the expected one, or ahead of it (something is missing: a NAK, once, and silence until the expected one
comes), or behind it (it came before: acknowledged again, or read again, and nothing else happens). Answers stand in a
queue in the order of what they answer, so no acknowledge overtakes the data of a READ, which it would also acknowledge.
The last acknowledge in the queue stands for all before it.

Sections are those of the InfiniBand Architecture Specification, volume 1.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from labs.traffic.qp.bounds import whole
from labs.traffic.qp.model import (
    INVALID,
    LONGEST,
    NO_ACCESS,
    SEQUENCE_ERROR,
    Completion,
    Operation,
    Packet,
    Receive,
    Region,
    Right,
    Settings,
    Status,
    Work,
)
from labs.traffic.qp.psn import MASK, nearest
from labs.traffic.qp.segments import ACKNOWLEDGE, MOVES, READ_REQUEST, RESPONSES, Step, packets_of
from labs.traffic.roce.fields import CREDITS, Aeth, Answer, Reth

UNCOUNTED = 31  # the credit code that says nothing (9.7.7)


class Reading(Struct, frozen=True, gc=False):
    """An answer to a READ: `count` packets from a number on, with `length` bytes."""

    first: int
    count: int
    length: int
    msn: int
    again: bool  # it was answered before


Reply: TypeAlias = Packet | Reading


class Responder:
    """One direction of answers. What it completes is appended to `done`."""

    __slots__ = (
        "_answered", "_done", "_expected", "_got", "_msn", "_peer", "_reading", "_receive", "_receives", "_regions",
        "_replies", "_settings", "_silent", "_unacknowledged", "_within", "_write", "failed", "naks",
    )  # fmt: skip

    def __init__(
        self, peer: int, settings: Settings, psn: int, regions: Mapping[int, Region], done: list[Completion]
    ) -> None:
        self._peer, self._settings, self._regions, self._done = peer, settings, regions, done
        self._expected = psn  # a whole number
        self._within: Operation | None = None
        self._write: Reth | None = None  # of the message it is within
        self._receive: Receive | None = None  # likewise
        self._got = 0  # bytes of that message
        self._msn = 0  # messages that have come
        self._unacknowledged = 0  # packets since the last acknowledge
        self._silent = False  # after a NAK, until the expected packet comes
        self._receives: deque[Receive] = deque()
        self._replies: deque[Reply] = deque()
        self._answered = 0  # packets of the first reply that are sent, where it is a Reading
        self._reading = {False: 0, True: 0}  # READs among the replies, by `again`
        self.naks = 0  # said, of any kind
        self.failed = False

    @property
    def waiting(self) -> bool:
        """Whether there is an answer to be sent."""
        return bool(self._replies)

    def post(self, receive: Receive) -> None:
        """Have room for one more message. Raises Mistake for no size."""
        whole(f"receive {receive.id!r}: size", receive.size, 0, LONGEST)
        self._receives.append(receive)

    def offer(self, most: int, payload: int) -> list[Packet]:
        """At most so many answers that may be sent now; of data, the last begins before so many bytes of payload."""
        packets: list[Packet] = []
        done = self._answered
        for reply in self._replies:
            if len(packets) >= most:
                break
            if isinstance(reply, Packet):
                packets.append(reply)
                continue
            stop = min(reply.count, done + most - len(packets), done - (-payload // self._settings.mtu))
            packets += [self._data(reply, index) for index in range(done, stop)]
            if stop < reply.count:
                break
            payload -= reply.length - done * self._settings.mtu
            done = 0
        return packets

    def sent(self, count: int) -> None:
        """The first packets of the last offer were sent."""
        while count:
            reply = self._replies[0]
            length = 1 if isinstance(reply, Packet) else reply.count - self._answered
            if count < length:
                self._answered += count
                return
            count -= length
            if isinstance(reply, Reading):
                self._reading[reply.again] -= 1
            self._answered = 0
            self._replies.popleft()

    def flush(self) -> None:
        """Complete all receives as flushed; answers that are due are still sent."""
        self.failed = True
        left = [self._receive] if self._receive is not None else []
        for each in (*left, *self._receives):
            self._done.append(Completion(each.id, Work.RECEIVE, Status.FLUSHED))
        self._receive = None
        self._receives.clear()

    def hear(self, packet: Packet) -> None:
        """Take a request."""
        if packet.psn != self._expected & MASK:
            self._other(packet, nearest(packet.psn, self._expected))
            return
        self._silent = False
        step = MOVES[self._within].get(packet.opcode)
        if step is None:
            self._refuse(INVALID)
        elif step.operation is Operation.READ:
            self._read(packet)
        else:
            self._take(packet, step)

    def _other(self, packet: Packet, psn: int) -> None:
        """Take a packet that is not the expected one (9.7.5)."""
        if psn > self._expected:
            if not self._silent:
                self._silent = True
                self._reply(Answer.NAK, SEQUENCE_ERROR, self._expected)
        elif packet.opcode != READ_REQUEST:
            self._acknowledge()
        elif (
            packet.reth is not None and psn + self._span(packet.reth) <= self._expected and self._readable(packet.reth)
        ):
            self._answer(psn, packet.reth, again=True)

    def _read(self, packet: Packet) -> None:
        reth = packet.reth
        if reth is None or reth.length > LONGEST or self._reading[False] >= self._settings.reads_taken:
            self._refuse(INVALID)
        elif not self._readable(reth):
            self._refuse(NO_ACCESS)
        else:
            self._msn += 1
            self._answer(self._expected, reth, again=False)
            self._expected += self._span(reth)

    def _take(self, packet: Packet, step: Step) -> None:
        """Take a packet of a SEND or a WRITE, unless it cannot be."""
        if step.starts:
            self._got, self._write = 0, packet.reth
        if step.receives and not self._receives:
            self._silent = True
            self._reply(Answer.RNR, self._settings.rnr_timer, self._expected)
            return
        if step.receives:
            self._receive = self._receives.popleft()
        refusal = self._wrong(packet, step)
        if refusal is not None:
            self._refuse(refusal)
            return
        self._expected += 1
        self._unacknowledged += 1
        self._got += packet.size
        self._within = step.then
        if step.ends:
            self._end(packet)
        if step.ends or packet.ack_requested or self._unacknowledged >= self._settings.ack_every:
            self._acknowledge()

    def _wrong(self, packet: Packet, step: Step) -> int | None:
        """The code of the NAK for a packet that cannot be, or None (9.7.4)."""
        full = self._settings.mtu
        if packet.size > full or (not step.ends and packet.size != full) or (not (step.starts or packet.size)):
            return INVALID
        got = self._got + packet.size
        if step.operation is Operation.SEND:
            return INVALID if self._receive is None or self._overflows(got, self._receive) else None
        write = self._write
        if write is None or not got <= write.length <= LONGEST or (step.ends and got != write.length):
            return INVALID
        return NO_ACCESS if step.starts and not self._allowed(Right.WRITE, write) else None

    def _overflows(self, got: int, receive: Receive) -> bool:
        """Whether a receive has no room for so many bytes; then it is completed as such."""
        if got <= receive.size:
            return False
        self._receive = None
        self._done.append(Completion(receive.id, Work.RECEIVE, Status.LENGTH))
        return True

    def _end(self, packet: Packet) -> None:
        """A message has come whole."""
        self._msn += 1
        receive, self._receive = self._receive, None
        if receive is not None:
            work = Work.RECEIVE if self._write is None else Work.RECEIVE_WRITE
            self._done.append(Completion(receive.id, work, Status.SUCCESS, self._got, packet.immediate))

    def _refuse(self, code: int) -> None:
        """Say no, and be in error (9.9.3)."""
        self._reply(Answer.NAK, code, self._expected)
        self.failed = True

    def _acknowledge(self) -> None:
        """Acknowledge all that has come."""
        self._unacknowledged = 0
        tail = self._replies[-1] if self._replies else None
        if isinstance(tail, Packet) and tail.aeth is not None and tail.aeth.answer is Answer.ACK:
            self._replies.pop()
        self._reply(Answer.ACK, self._credits(), self._expected - 1)

    def _reply(self, answer: Answer, code: int, psn: int) -> None:
        self.naks += answer is not Answer.ACK
        aeth = Aeth(answer, code, self._msn & MASK)
        self._replies.append(Packet(ACKNOWLEDGE, self._peer, psn & MASK, aeth=aeth))

    def _answer(self, psn: int, reth: Reth, *, again: bool) -> None:
        """Put data of a READ into the queue; not again where much is so already, for it can be asked for once more."""
        if self._reading[again] < self._settings.reads_taken:
            self._reading[again] += 1
            self._replies.append(Reading(psn, self._span(reth), reth.length, self._msn, again))

    def _data(self, reading: Reading, index: int) -> Packet:
        offset = index * self._settings.mtu
        size = min(self._settings.mtu, reading.length - offset)
        code = RESPONSES.at(index, reading.count)
        aeth = None
        if code != RESPONSES.middle:
            aeth = Aeth(Answer.ACK, self._credits(), reading.msn & MASK)
        return Packet(code, self._peer, (reading.first + index) & MASK, False, size, offset, None, aeth)

    def _credits(self) -> int:
        """The credit code for the receives that there are, a message under way having its own."""
        if not self._settings.credits:
            return UNCOUNTED
        return bisect_right(CREDITS, len(self._receives) + (self._receive is not None)) - 1

    def _span(self, reth: Reth) -> int:
        return packets_of(reth.length, self._settings.mtu)

    def _readable(self, reth: Reth) -> bool:
        return self._allowed(Right.READ, reth)

    def _allowed(self, right: Right, reth: Reth) -> bool:
        """Whether the peer may do so; nothing at all it may always (9.7.4)."""
        region = self._regions.get(reth.rkey)
        return not reth.length or (region is not None and region.allows(right, reth))
