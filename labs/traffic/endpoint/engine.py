"""The loop that drives queue pairs: hear, answer, send, and be told what was sent. Time is an argument, in nanoseconds.

Every NIC has a pace of its own, and every connection one beside it, which congestion notifications slow down (DCQCN).
What a NIC had no room for was not sent: its queue pair is told so and offers it again.
"""

from collections.abc import Iterable, Mapping

from labs.traffic.endpoint.frames import Route, frame
from labs.traffic.endpoint.model import Fidelity, Link, fidelity
from labs.traffic.qp.dcqcn.notification import NotificationPoint, notification
from labs.traffic.qp.dcqcn.parameters import Dcqcn
from labs.traffic.qp.dcqcn.reaction import ReactionPoint
from labs.traffic.qp.model import Completion, Packet
from labs.traffic.qp.pair import QueuePair
from labs.traffic.roce.opcodes import CNP

MOST = 32  # packets of one queue pair in one turn
OVERHEAD = 14 + 20 + 8 + 12 + 4  # bytes around the data of a packet over IPv4


class End:
    """One queue pair, where it stands and how it goes from there."""

    def __init__(self, pair: QueuePair, route: Route, parameters: Dcqcn) -> None:
        self.pair, self.route = pair, route
        self.reaction = ReactionPoint(parameters, 0)
        self.notice = NotificationPoint(parameters.cnp_interval)
        self.sent = self.heard = self.marked = self.notified = 0  # frames; notifications heard


class Port:
    """A NIC with its pace and its queue pairs, by number."""

    def __init__(self, link: Link, parameters: Dcqcn, ends: Iterable[End] = ()) -> None:
        self.link = link
        self.ends: dict[int, End] = {each.pair.number: each for each in ends}
        self.pace = ReactionPoint(parameters, 0)
        self.refused = 0
        self._first = 0

    def add(self, end: End) -> None:
        """One more queue pair."""
        self.ends[end.pair.number] = end

    def turn(self, now: int) -> bool:
        """Hear all that came, and send what may be; whether anything was heard or sent."""
        came = self._hear(now)
        order = list(self.ends.values())
        self._first = (self._first + 1) % max(len(order), 1)  # who is first has the best of a NIC's pace
        went = [self._serve(end, now) for end in (*order[self._first :], *order[: self._first])]
        return came or any(went)

    def _hear(self, now: int) -> bool:
        packets = self.link.heard()
        for each in packets:
            end = self.ends.get(each.packet.qp)
            if end is None:
                continue  # of a queue pair that is none here
            end.heard += 1
            if each.packet.opcode == CNP.number:
                end.notified += 1
                end.reaction.notified(now)
                continue
            if each.marked:
                end.marked += 1
                end.notice.mark()
            end.pair.hear(each.packet, now)
        return bool(packets)

    def _serve(self, end: End, now: int) -> bool:
        if end.notice.due(now) and self._send(end, notification(end.pair.peer)):
            end.notice.sent(now)
        payload = min(end.reaction.allowance(now), self.pace.allowance(now))
        packets = end.pair.poll(now, MOST, payload)
        count = 0
        for packet in packets:
            if not self._send(end, packet):
                break
            count += 1
            if packet.size:
                size = packet.size + OVERHEAD
                end.reaction.sent(size, now)
                self.pace.sent(size, now)
        end.pair.sent(count, now)
        return count > 0

    def _send(self, end: End, packet: Packet) -> bool:
        if not self.link.send(frame(end.route, packet)):
            self.refused += 1
            return False
        end.sent += 1
        return True


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
        ends = [end for port in self.ports.values() for end in port.ends.values()]
        return [(end, done) for end in ends for done in end.pair.completions()]

    def fidelity(self, late: float, steal: float) -> Fidelity:
        """Whether the machine kept up, if it was away for so many seconds at most and lost such a share of its time."""
        refused = sum(port.refused for port in self.ports.values())
        overrun = sum(port.link.overrun() for port in self.ports.values())
        return fidelity(late, refused, overrun, steal, self._timeout)

    def close(self) -> None:
        """Let go of all wires."""
        for port in self.ports.values():
            port.link.close()
