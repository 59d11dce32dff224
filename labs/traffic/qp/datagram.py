"""A datagram queue pair (UD): one packet a message, to any peer, and nobody says whether it came. Pure.

It is driven as a connected one (`labs.traffic.qp.pair`). What it is sent is dropped, and counted, where the key is
another than its own or no receive is there (InfiniBand Architecture Specification, volume 1, 9.8).
"""

from collections import deque

from msgspec import Struct

from labs.traffic.qp.bounds import whole
from labs.traffic.qp.model import LONGEST, MTUS, Completion, Packet, Receive, Status, Work
from labs.traffic.qp.psn import MASK
from labs.traffic.roce.fields import Deth
from topologies.errors import Mistake

SEND, SEND_WITH_IMMEDIATE = 0x64, 0x65
KEY = (1 << 32) - 1


class Datagram(Struct, frozen=True):
    """A message to a queue pair, whose key it has to know; `length` in bytes."""

    id: int
    length: int
    qp: int
    qkey: int
    immediate: int | None = None


class Dropped(Struct):
    """What was not taken, by why; packets."""

    wrong_key: int = 0
    no_receive: int = 0
    malformed: int = 0


class DatagramPair:
    """One end of no connection."""

    __slots__ = ("_done", "_offered", "_psn", "_queue", "_receives", "dropped", "mtu", "number", "qkey")

    def __init__(self, number: int, qkey: int, *, mtu: int = 1024, psn: int = 0) -> None:
        """Raises Mistake for numbers that cannot be."""
        whole("queue pair: number", number, 0, MASK)
        whole("queue pair: qkey", qkey, 0, KEY)
        whole("queue pair: psn", psn, 0, MASK)
        if mtu not in MTUS:
            raise Mistake(f"mtu: {mtu!r}; there are {', '.join(map(str, MTUS))}")
        self.number, self.qkey, self.mtu = number, qkey, mtu
        self.dropped = Dropped()
        self._psn, self._offered = psn, 0
        self._queue: deque[Datagram] = deque()
        self._receives: deque[Receive] = deque()
        self._done: list[Completion] = []

    def post(self, datagram: Datagram) -> None:
        """Ask for a message to be sent. Raises Mistake for what no packet can carry."""
        place = f"datagram {datagram.id!r}"
        whole(f"{place}: length", datagram.length, 0, self.mtu)
        whole(f"{place}: qp", datagram.qp, 0, MASK)
        whole(f"{place}: qkey", datagram.qkey, 0, KEY)
        if datagram.immediate is not None:
            whole(f"{place}: immediate", datagram.immediate, 0, KEY)
        self._queue.append(datagram)

    def post_receive(self, receive: Receive) -> None:
        """Have room for one more message. Raises Mistake for no size."""
        whole(f"receive {receive.id!r}: size", receive.size, 0, LONGEST)
        self._receives.append(receive)

    def hear(self, packet: Packet, now: int) -> None:
        """Take a packet; of anything but a datagram nothing is changed. `now` changes nothing either."""
        if packet.opcode not in (SEND, SEND_WITH_IMMEDIATE):
            return
        with_immediate = packet.opcode == SEND_WITH_IMMEDIATE
        if packet.deth is None or packet.size > self.mtu or (packet.immediate is not None) != with_immediate:
            self.dropped.malformed += 1
        elif packet.deth.qkey != self.qkey:
            self.dropped.wrong_key += 1
        elif not self._receives:
            self.dropped.no_receive += 1
        else:
            self._take(packet, packet.deth)

    def poll(self, now: int, most: int = 64, payload: int = 1 << 62) -> list[Packet]:
        """What may be sent at any time: at most so many packets, the last beginning before so many bytes of payload."""
        packets: list[Packet] = []
        for each in self._queue:
            if len(packets) >= most or payload <= 0:
                break
            packets.append(self._packet(each, len(packets)))
            payload -= each.length
        self._offered = len(packets)
        return packets

    def sent(self, count: int, now: int) -> None:
        """The first so many packets of the last poll were sent, which completes them; the others were not.

        Raises ValueError for more than there were.
        """
        if not 0 <= count <= self._offered:
            raise ValueError(f"{count} packets sent, of {self._offered} polled and not yet told of")
        self._offered = 0
        self._psn = (self._psn + count) & MASK
        for _ in range(count):
            each = self._queue.popleft()
            self._done.append(Completion(each.id, Work.SEND, Status.SUCCESS, each.length))

    def completions(self) -> list[Completion]:
        """What has been completed since this was last asked, in order."""
        done = self._done[:]
        self._done.clear()
        return done

    def next_moment(self, now: int) -> int | None:
        """When to poll again, if nothing is posted before; None for never."""
        return now if self._queue else None

    def _packet(self, each: Datagram, index: int) -> Packet:
        code = SEND if each.immediate is None else SEND_WITH_IMMEDIATE
        return Packet(
            code,
            each.qp,
            (self._psn + index) & MASK,
            size=each.length,
            immediate=each.immediate,
            deth=Deth(each.qkey, self.number),
        )

    def _take(self, packet: Packet, deth: Deth) -> None:
        receive = self._receives.popleft()
        fits = packet.size <= receive.size
        status, length = (Status.SUCCESS, packet.size) if fits else (Status.LENGTH, 0)
        immediate = packet.immediate if fits else None
        self._done.append(Completion(receive.id, Work.RECEIVE, status, length, immediate, deth.source_qp))
