"""The half of a connected queue pair that asks: what it may send now, and what the peer's answers mean. Pure.

    unacked <= next <= highest        all whole numbers, cut to 24 bits on the wire only

Messages have their packet numbers from the moment they are posted, so to send again is to set `next` back to `unacked`
(go-back-N), and nothing else. A READ's answers move `unacked` through its numbers one by one; when sent again it asks
for the rest.

    outstanding      unacked up to next; `window` bounds it. Only a READ may reach beyond, being one packet.
    timer            runs while something is outstanding, from the last progress or the first sending after it.
    tries            retries in a row; any progress sets both counters back (9.9.2).
    asked_again_at   the PSN that was last gone back to for a NAK: what says the same again is late, and ignored.

Sections are those of the InfiniBand Architecture Specification, volume 1.
"""

from bisect import bisect_right
from collections import deque

from labs.traffic.qp.model import (
    FOR_EVER,
    INVALID,
    NO_ACCESS,
    SEQUENCE_ERROR,
    UNABLE,
    Completion,
    Packet,
    Request,
    Settings,
    Status,
    Work,
)
from labs.traffic.qp.psn import HALF, nearest
from labs.traffic.qp.segments import RESPONSES, Message, message
from labs.traffic.roce.fields import Aeth, Answer

REFUSALS = {INVALID: Status.REMOTE_INVALID, NO_ACCESS: Status.REMOTE_ACCESS, UNABLE: Status.REMOTE_OPERATION}
"""What a NAK's code that is no sequence error does to the request."""


class Requester:
    """One direction of requests. What it completes is appended to `done`."""

    __slots__ = (
        "_asked_again_at", "_at", "_deadline", "_done", "_ends", "_finished", "_highest", "_limit", "_next", "_peer",
        "_posted", "_queue", "_reads", "_resume_at", "_rnr_tries", "_settings", "_tail", "_timeout", "_tries",
        "_unacked", "failed", "naks", "sent_again", "timeouts",
    )  # fmt: skip

    def __init__(self, peer: int, settings: Settings, psn: int, done: list[Completion]) -> None:
        self._peer, self._settings, self._done = peer, settings, done
        self._timeout = settings.timeout_ns
        self._queue: deque[Message] = deque()  # not yet completed
        self._unacked = self._next = self._highest = self._tail = psn  # `tail`: the number of the next message
        self._at = 0  # of the queue, the message that `next` is in
        self._reads = 0  # asked for and outstanding, which are before `next`
        self._posted = self._finished = 0  # messages
        self._limit: int | None = None  # the last message that the peer has a receive for; None: not told
        self._ends: list[int] = []  # `next` after each packet offered
        self._tries = self._rnr_tries = 0
        self._asked_again_at: int | None = None
        self._deadline: int | None = None
        self._resume_at: int | None = None  # after an RNR NAK, when to try again
        self.sent_again = self.timeouts = self.naks = 0  # packets; `naks`: heard, of any kind
        self.failed = False

    @property
    def outstanding(self) -> int:
        """Sequence numbers sent and not acknowledged."""
        return self._next - self._unacked

    def post(self, request: Request) -> None:
        """Put a request at the end of the queue. Raises Mistake for one that no packet can carry."""
        made = message(request, self._tail, self._posted + 1, self._settings.mtu)
        self._posted += 1
        self._tail = made.end
        self._queue.append(made)

    def offer(self, now: int, most: int, payload: int) -> list[Packet]:
        """At most so many packets that may be sent now, the last of them beginning before so many bytes of payload."""
        packets: list[Packet] = []
        self._ends = ends = []
        if self._resume_at is not None and now < self._resume_at:
            return packets
        psn, at, reads = self._next, self._at, self._reads
        while len(packets) < most and payload > 0 and at < len(self._queue):
            each = self._queue[at]
            stop = self._until(each, psn, reads)
            if each.reads and stop > psn:
                packets.append(each.reading(psn, self._peer))
                ends.append(stop)
            elif stop > psn:
                stop = min(stop, psn + most - len(packets), psn - (-payload // each.mtu))
                packets += each.packets(psn, stop, self._peer, self._settings.ack_every, self._waits(each, psn))
                ends += range(psn + 1, stop + 1)
                payload -= each.size(psn, stop)
            if stop < each.end:
                break
            psn, at, reads = stop, at + 1, reads + each.reads
        return packets

    def sent(self, count: int, now: int) -> None:
        """The first packets of the last offer were sent."""
        if not count:
            return
        if self._deadline is None and self._timeout is not None:
            self._deadline = now + self._timeout
        self.sent_again += bisect_right(self._ends, self._highest, 0, count)
        self._next = end = self._ends[count - 1]
        self._highest = max(self._highest, end)
        while self._at < len(self._queue) and self._queue[self._at].end <= end:
            self._reads += self._queue[self._at].reads
            self._at += 1

    def ready(self) -> bool:
        """Whether there is something to send as soon as no RNR NAK forbids it."""
        return self._at < len(self._queue) and self._until(self._queue[self._at], self._next, self._reads) > self._next

    def next_moment(self, now: int) -> int | None:
        """When something is to be sent or to be given up; None while only the peer or the user can change it."""
        moments = [] if self._deadline is None else [self._deadline]
        if self.ready():
            moments.append(now if self._resume_at is None else max(now, self._resume_at))
        return min(moments, default=None)

    def expire(self, now: int) -> None:
        """Go back where the peer has been silent for too long (9.7.6)."""
        if self._deadline is not None and now >= self._deadline:
            self._asked_again_at = None
            self.timeouts += 1
            self._retry()

    def flush(self) -> None:
        """Complete all that is left as flushed, and send nothing more."""
        self.failed = True
        for each in self._queue:
            self._complete(each, Status.FLUSHED)
        self._queue.clear()
        self._at = 0
        self._deadline = None

    def acknowledged(self, packet: Packet, now: int) -> None:
        """Take an ACK or a NAK."""
        aeth, psn = packet.aeth, nearest(packet.psn, self._unacked)
        if aeth is None or not self._unacked - 1 <= psn < self._highest:
            return  # of long ago, or of what was never sent
        if aeth.answer is Answer.ACK:
            self._credit(aeth)
            if not self._settle(psn + 1, now):
                self._ask_again()
        elif psn >= self._unacked:
            self._refused(aeth, psn, now)

    def answered(self, packet: Packet, now: int) -> None:
        """Take data of a READ."""
        psn = nearest(packet.psn, self._unacked)
        if not self._unacked <= psn < self._highest:
            return
        reached = self._settle(psn, now)
        each = self._queue[0]
        if not reached:
            self._ask_again()
        elif each.reads and not self._fits(packet, each, psn):
            self._fail(Status.BAD_RESPONSE)
        elif each.reads:
            if packet.aeth is not None:
                self._credit(packet.aeth)
            self._advance(psn + 1, now)

    def _until(self, each: Message, psn: int, reads: int) -> int:
        """Up to where a message may be sent, if all before this number is; not beyond it, where that is to wait."""
        full = self._unacked + self._settings.window
        if psn >= full:
            return psn
        if each.reads:
            allowed = reads < self._settings.reads and each.end - self._unacked <= HALF
            return each.end if allowed else psn
        if self._limited(each):
            return self._unacked + 1
        return min(each.end, full)

    def _limited(self, each: Message) -> bool:
        """Whether the peer may have no receive for it; then one packet at a time goes, to find out (9.7.7)."""
        return each.receives and self._limit is not None and each.number > self._limit

    def _waits(self, each: Message, psn: int) -> int:
        """Behind which number nothing more could be sent without an acknowledge."""
        return psn + 1 if self._limited(each) else self._unacked + self._settings.window

    def _settle(self, until: int, now: int) -> bool:
        """Have all before a number be acknowledged; False where that stops at a READ whose data has not come."""
        unacked = self._unacked
        for each in self._queue:
            if each.first >= until:
                break
            if each.reads:
                self._advance(each.first, now)
                return until <= self._unacked
            unacked = min(each.end, until)
        self._advance(unacked, now)
        return True

    def _advance(self, unacked: int, now: int) -> None:
        """Have all before a number be done with: complete what ends there, and begin to wait anew for the rest."""
        if unacked <= self._unacked:
            return
        self._unacked = unacked
        while self._queue and self._queue[0].end <= unacked:
            each = self._queue.popleft()
            if self._at:
                self._at -= 1
                self._reads -= each.reads
            self._complete(each, Status.SUCCESS)
        self._next = max(self._next, unacked)
        self._tries = self._rnr_tries = 0
        self._resume_at = None
        self._deadline = None if self._timeout is None or self._next == unacked else now + self._timeout

    def _complete(self, each: Message, status: Status) -> None:
        request = each.request
        length = request.length if status is Status.SUCCESS else 0
        self._finished += 1
        self._done.append(Completion(request.id, Work(request.operation), status, length))

    def _credit(self, aeth: Aeth) -> None:
        """Learn for which messages the peer has receives (9.7.7)."""
        credits = aeth.credits
        self._limit = None if credits is None else nearest(aeth.msn, self._finished) + credits

    def _refused(self, aeth: Aeth, psn: int, now: int) -> None:
        """Take a NAK, which says that all before it has come."""
        self.naks += 1
        reached = self._settle(psn, now)
        if aeth.answer is Answer.NAK and aeth.code in REFUSALS:
            self._fail(REFUSALS[aeth.code])
        elif not reached or (aeth.answer is Answer.NAK and aeth.code == SEQUENCE_ERROR):
            self._ask_again()
        elif aeth.answer is Answer.RNR and self._next > self._unacked:
            self._wait(aeth.code, now)

    def _wait(self, code: int, now: int) -> None:
        """The peer was not ready (9.7.5)."""
        self._rnr_tries += 1
        if self._rnr_tries > self._settings.rnr_retries != FOR_EVER:
            self._fail(Status.RNR_RETRIES)
            return
        self._go_back()
        self._resume_at = now + self._settings.rnr_wait_ns(code)

    def _ask_again(self) -> None:
        """Go back for what the peer or the network has lost, once."""
        if self._asked_again_at != self._unacked and self._next > self._unacked:
            self._asked_again_at = self._unacked
            self._retry()

    def _retry(self) -> None:
        self._tries += 1
        if self._tries > self._settings.retries:
            self._fail(Status.RETRIES)
        else:
            self._go_back()

    def _go_back(self) -> None:
        self._next, self._at, self._reads = self._unacked, 0, 0
        self._deadline = None

    def _fail(self, status: Status) -> None:
        """End the oldest message so, and flush the rest (9.9.2)."""
        self._complete(self._queue.popleft(), status)
        self.flush()

    def _fits(self, packet: Packet, each: Message, psn: int) -> bool:
        """Whether data is that of a READ with this number."""
        last = psn == each.end - 1
        size = each.request.length - (psn - each.first) * each.mtu if last else each.mtu
        return packet.size == size and (packet.opcode in (RESPONSES.last, RESPONSES.only)) == last
