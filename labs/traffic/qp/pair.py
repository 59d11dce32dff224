"""A connected queue pair (RC): requests and packets go in, packets and completions come out. Pure.

Whoever drives it does, again and again: `hear` what came; `poll`, send what it gives, and say by `sent` how much of it
found room; take the `completions`; and be back at `next_moment`. What is polled and not said to be sent has not been
offered: the next poll gives the same again.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from labs.traffic.qp.bounds import whole
from labs.traffic.qp.model import Completion, Counts, Packet, Receive, Region, Request, Settings
from labs.traffic.qp.psn import MASK
from labs.traffic.qp.requester import Requester
from labs.traffic.qp.responder import Responder
from labs.traffic.qp.segments import ACKNOWLEDGE, ANSWERS
from labs.traffic.roce.opcodes import OPCODES, Transport
from topologies.errors import Mistake

PLENTY: Final = 1 << 62
"""Bytes of payload, where nothing paces them."""


class State(StrEnum):
    """A queue pair is made connected, and an error ends it (10.3, which has more states for before)."""

    CONNECTED = "connected"
    ERROR = "error"


class QueuePair:
    """One end of a connection."""

    __slots__ = ("_answers_first", "_done", "_offered", "_requester", "_responder", "number", "peer")

    def __init__(
        self,
        number: int,
        peer: int,
        settings: Settings,
        *,
        psn: int = 0,
        peer_psn: int = 0,
        regions: Iterable[Region] = (),
    ) -> None:
        """`psn` is the first that it sends, `peer_psn` the peer's. Raises Mistake for what has more than 24 bits."""
        for name, value in (("number", number), ("peer", peer), ("psn", psn), ("peer_psn", peer_psn)):
            whole(f"queue pair: {name}", value, 0, MASK)
        self.number, self.peer = number, peer
        self._done: list[Completion] = []
        self._requester = Requester(peer, settings, psn, self._done)
        self._responder = Responder(peer, settings, peer_psn, {each.rkey: each for each in regions}, self._done)
        self._offered: tuple[int, int] | None = None  # answers, requests
        self._answers_first = True  # in the next poll

    @property
    def state(self) -> State:
        """Whether it still works."""
        return State.ERROR if self._requester.failed else State.CONNECTED

    @property
    def outstanding(self) -> int:
        """Sequence numbers sent and not acknowledged."""
        return self._requester.outstanding

    @property
    def counts(self) -> Counts:
        """What has happened so far."""
        asking = self._requester
        return Counts(asking.sent_again, asking.timeouts, asking.naks, self._responder.naks)

    def post(self, request: Request) -> None:
        """Ask for a message to be sent or read. Raises Mistake for what no packet can carry, and in error."""
        self._working(f"request {request.id!r}")
        self._requester.post(request)

    def post_receive(self, receive: Receive) -> None:
        """Have room for one more message. Raises Mistake for no size, and in error."""
        self._working(f"receive {receive.id!r}")
        self._responder.post(receive)

    def hear(self, packet: Packet, now: int) -> None:
        """Take a packet. One that is not of a reliable connection changes nothing, nor does any in error."""
        self._offered = None
        if self._requester.failed:
            return
        if packet.opcode == ACKNOWLEDGE:
            self._requester.acknowledged(packet, now)
        elif packet.opcode in ANSWERS:
            self._requester.answered(packet, now)
        elif packet.opcode in _ASKING:
            self._responder.hear(packet)
        if self._requester.failed or self._responder.failed:
            self._end()

    def poll(self, now: int, most: int = 64, payload: int = PLENTY) -> list[Packet]:
        """What may be sent now, in order: at most so many packets, of data the last beginning before so many bytes.

        Answers and requests go first in turn, so neither starves the other; an acknowledge needs no payload.
        """
        self._requester.expire(now)
        if self._requester.failed:
            self._end()
        if self._answers_first:
            answers = self._responder.offer(most, payload)
            rest = payload - sum(each.size for each in answers)
            packets = answers + self._requester.offer(now, most - len(answers), rest)
            self._offered = len(answers), len(packets) - len(answers)
        else:
            requests = self._requester.offer(now, most, payload)
            rest = payload - sum(each.size for each in requests)
            packets = requests + self._responder.offer(most - len(requests), rest)
            self._offered = len(packets) - len(requests), len(requests)
        return packets

    def sent(self, count: int, now: int) -> None:
        """The first so many packets of the last poll were sent, the others not.

        Raises ValueError for more than there were, and where something was heard or said to be sent since.
        """
        answers, requests = self._offered or (0, 0)
        if not 0 <= count <= answers + requests:
            raise ValueError(f"{count} packets sent, of {answers + requests} polled and not yet told of")
        self._offered = None
        if count:
            first = min(count, answers if self._answers_first else requests)
            parts = (first, count - first) if self._answers_first else (count - first, first)
            self._responder.sent(parts[0])
            self._requester.sent(parts[1], now)
            self._answers_first = not self._answers_first

    def completions(self) -> list[Completion]:
        """What has been completed since this was last asked, in order."""
        done = self._done[:]
        self._done.clear()
        return done

    def next_moment(self, now: int) -> int | None:
        """When to poll again, if nothing is heard or posted before; None for never. Whoever paces knows of later."""
        return now if self._responder.waiting else self._requester.next_moment(now)

    def _end(self) -> None:
        """An error of either half ends both."""
        if not self._requester.failed:
            self._requester.flush()
        self._responder.flush()

    def _working(self, place: str) -> None:
        if self.state is State.ERROR:
            raise Mistake(f"{place}: queue pair {self.number:#x} is in error; make another one")


_ASKING = {number for number, each in OPCODES.items() if each.transport is Transport.RC and not each.response}
