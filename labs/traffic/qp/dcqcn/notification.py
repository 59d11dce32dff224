"""The end that hears marked packets, and says so: the notification point of DCQCN. Pure.

Zhu et al., SIGCOMM 2015, 3.1: the first marked packet of a flow is answered at once by a congestion notification packet
(CNP); from then on there is at most one an interval, at its end, if a packet was marked within.
"""

from labs.traffic.qp.model import Packet
from labs.traffic.roce.opcodes import CNP


class NotificationPoint:
    """Of one flow. `interval` in ns."""

    __slots__ = ("_interval", "_marked", "_quiet_until")

    def __init__(self, interval: int) -> None:
        self._interval = interval
        self._marked = False  # since the last notification
        self._quiet_until: int | None = None

    def mark(self) -> None:
        """A packet came that a switch had marked (CE)."""
        self._marked = True

    def due(self, now: int) -> bool:
        """Whether a notification is to be sent now."""
        return self._marked and (self._quiet_until is None or now >= self._quiet_until)

    def sent(self, now: int) -> None:
        """It was sent; until this is called it stays due."""
        self._marked = False
        self._quiet_until = now + self._interval

    def next_moment(self, now: int) -> int | None:
        """When a notification is due, if nothing more is heard; None for never."""
        if not self._marked:
            return None
        return now if self._quiet_until is None else max(now, self._quiet_until)


def notification(qp: int) -> Packet:
    """The packet that tells a queue pair."""
    return Packet(CNP.number, qp, 0)
