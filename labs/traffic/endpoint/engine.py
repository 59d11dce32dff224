"""The loop that drives queue pairs: hear, answer, send, and be told what was sent. Time is an argument, in nanoseconds.

Every NIC has a pace of its own, and every connection one beside it, which congestion notifications slow down (DCQCN).
Whoever used the NIC's pace is the last to be asked next time. A pause that a pace brings must not look like one that
the network does, so the last packet before it asks for an acknowledge; else timers would run out while nothing is lost.
What a NIC had no room for was not sent: its queue pair is told so and offers it again.
Most of many queue pairs have nothing to do most of the time: one is left alone until it hears something, is asked for
something, its time is up, or its pace lets it send.
"""

from collections import deque
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from labs.traffic.endpoint.frames import Route, frame
from labs.traffic.endpoint.model import GAPS, Fidelity, Link, judged
from labs.traffic.endpoint.tally import Tally, tells_gap
from labs.traffic.qp.dcqcn.notification import NotificationPoint, notification
from labs.traffic.qp.dcqcn.parameters import Dcqcn
from labs.traffic.qp.dcqcn.reaction import ReactionPoint
from labs.traffic.qp.model import Completion, Packet, Request
from labs.traffic.qp.pair import QueuePair
from labs.traffic.roce.opcodes import CNP, OPCODES

MOST = 32  # packets of one queue pair in one turn
LONGEST = 5_000_000  # ns that one whose pace keeps it back is left alone: its timers run all the same
NEVER = 1 << 62
OVERHEAD = 14 + 20 + 8 + 12 + 4  # bytes around the data of a packet over IPv4


class End:
    """One queue pair, where it stands and how it goes from there."""

    def __init__(self, pair: QueuePair, route: Route, parameters: Dcqcn) -> None:
        self.pair, self.route = pair, route
        self.reaction = ReactionPoint(parameters, 0)
        self.notice = NotificationPoint(parameters.cnp_interval)
        self.wake, self.held = 0, False  # ns before which nothing is to be done, unless only a pace holds it back
        self.said, self.heard = Tally(), Tally()
        self.gaps: list[int] = []  # when it said that there is one
        self.marked = 0  # of what was heard, how many packets came with a congestion mark

    def post(self, request: Request) -> None:
        """Ask for a message to be sent. Raises Mistake as queue pairs do."""
        self.wake = 0
        self.pair.post(request)


class Port:
    """A NIC with its pace and its queue pairs, by number."""

    def __init__(self, link: Link, parameters: Dcqcn, ends: Iterable[End] = ()) -> None:
        self.link = link
        self.ends: dict[int, End] = {each.pair.number: each for each in ends}
        self.pace = ReactionPoint(parameters, 0)
        self.refused = 0
        self.behind = 0  # ns in which it was to send, and nobody came round
        self._catch_up, self._last = parameters.catch_up, 0
        self._order = deque(self.ends.values())
        self._touched: dict[int, End] = {}

    def add(self, end: End) -> None:
        """One more queue pair."""
        self.ends[end.pair.number] = end
        self._order.append(end)

    def turn(self, now: int) -> bool:
        """Hear all that came, and send what may be; whether anything was heard or sent."""
        if any(end.held for end in self._order):
            self.behind += max(now - max(self.pace.free_at, self._last) - self._catch_up, 0)
        self._last = now
        busy = self._hear(now)
        for end in tuple(self._order):
            if now >= end.wake or (end.held and now >= self.pace.free_at and now >= end.reaction.free_at):
                busy = self._attend(end, now) or busy
        return busy

    def completions(self) -> list[tuple[End, Completion]]:
        """What has been completed since this was last asked."""
        touched, self._touched = self._touched, {}
        return [(end, done) for end in touched.values() for done in end.pair.completions()]

    def _hear(self, now: int) -> bool:
        packets = self.link.heard()
        for each in packets:
            end = self.ends.get(each.packet.qp)
            if end is None:
                continue  # of a queue pair that is none here
            end.wake = 0
            self._touched[end.pair.number] = end
            end.heard.add(each.packet)
            if each.packet.opcode == CNP.number:
                end.reaction.notified(now)
                continue
            if each.marked:
                end.marked += 1
                end.notice.mark()
            end.pair.hear(each.packet, now)
        return bool(packets)

    def _attend(self, end: End, now: int) -> bool:
        """Serve a queue pair, and settle when it is its turn again; whether anything was sent."""
        before = self.pace.free_at
        self._touched[end.pair.number] = end
        went = self._serve(end, now)
        moments = (end.pair.next_moment(now), end.notice.next_moment(now))
        first = min((each for each in moments if each is not None), default=NEVER)
        end.held = first <= now
        end.wake = now + LONGEST if end.held else first
        if self.pace.free_at != before:
            self._order.remove(end)
            self._order.append(end)
        return went

    def _serve(self, end: End, now: int) -> bool:
        if end.notice.due(now) and self._send(end, notification(end.pair.peer), now):
            end.notice.sent(now)
        payload = min(end.reaction.allowance(now), self.pace.allowance(now))
        packets = asking(end.pair.poll(now, MOST, payload))
        count = 0
        for packet in packets:
            if not self._send(end, packet, now):
                break
            count += 1
            if packet.size:
                size = packet.size + OVERHEAD
                end.reaction.sent(size, now)
                self.pace.sent(size, now)
        end.pair.sent(count, now)
        return count > 0

    def _send(self, end: End, packet: Packet, now: int) -> bool:
        if not self.link.send(frame(end.route, packet)):
            self.refused += 1
            return False
        end.said.add(packet)
        if tells_gap(packet) and len(end.gaps) < GAPS:
            end.gaps.append(now)
        return True


def asking(packets: list[Packet]) -> list[Packet]:
    """The same, and the last request of them wants an acknowledge, as any may."""
    last = next((at for at in reversed(range(len(packets))) if packets[at].opcode in _REQUESTS), None)
    if last is None or packets[last].ack_requested:
        return packets
    return [*packets[:last], replace(packets[last], ack_requested=True), *packets[last + 1 :]]


class Engine:
    """All NICs of a workload; `timeout` in seconds is how long its queue pairs wait for an acknowledge."""

    def __init__(self, ports: Mapping[str, Port], timeout: float) -> None:
        self.ports = ports
        self._timeout = timeout

    def turn(self, now: int) -> bool:
        """One round; whether anything happened."""
        return any([port.turn(now) for port in self.ports.values()])

    def completions(self) -> list[tuple[End, Completion]]:
        """What has been completed since this was last asked."""
        return [each for port in self.ports.values() for each in port.completions()]

    def fidelity(self, late: float, steal: float, seconds: float) -> Fidelity:
        """Whether the machine kept up for so long, if it was away for `late` seconds at most and lost such a share of
        its time."""
        behind = max((port.behind for port in self.ports.values()), default=0) / 1e9 / seconds if seconds else 0.0
        refused = sum(port.refused for port in self.ports.values())
        overrun = sum(port.link.overrun() for port in self.ports.values())
        return judged(Fidelity(late, behind, refused, overrun, steal), self._timeout)

    def close(self) -> None:
        """Let go of all wires."""
        for port in self.ports.values():
            port.link.close()


_REQUESTS = frozenset(number for number, opcode in OPCODES.items() if not opcode.response)
