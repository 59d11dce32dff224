"""The ways to send, by name, and one that only remembers."""

from collections.abc import Callable, Mapping

import numpy as np

from labs.traffic.wire.batches import Batches
from labs.traffic.wire.interface import Network
from labs.traffic.wire.model import Rows, Sender, Sent
from labs.traffic.wire.tx_ring import TxRing
from topologies.errors import Mistake


class FakeSender:
    """Remembers what was sent; takes at most `room` frames until `wait` is called, then as many again."""

    def __init__(self, frame: bytes, *, slots: int = 256, room: int | None = None) -> None:
        """A sender into memory."""
        self.sent: list[bytes] = []
        self._rows = np.tile(np.frombuffer(frame, np.uint8), (slots, 1))
        self._room, self._left, self._given = room, room, 0

    def rows(self, most: int) -> Rows:
        """At most so many rows."""
        found = self._rows[: max(most, 0)]
        self._given = len(found)
        return found

    def send(self, count: int) -> Sent:
        """Remember the first `count` rows given out last, as far as there is room."""
        count, self._given = min(count, self._given), 0
        taken = count if self._left is None else min(count, self._left)
        self._left = None if self._left is None else self._left - taken
        self.sent += [bytes(row) for row in self._rows[:taken]]
        return Sent(taken, count - taken)

    def wait(self, within: float) -> bool:
        """Have room again."""
        self._left = self._room
        return True

    def close(self) -> None:
        """Nothing is to be given back."""


SENDERS: Mapping[str, Callable[[Network, str, bytes], Sender]] = {
    "ring": TxRing,
    "batches": Batches,
    "fake": lambda network, interface, frame: FakeSender(frame),
}


def open_sender(name: str, network: Network, interface: str, frame: bytes) -> Sender:
    """A sender of frames like this one; Mistake where there is none of the name."""
    if name not in SENDERS:
        raise Mistake(f"no sender {name!r}; there are {', '.join(sorted(SENDERS))}")
    return SENDERS[name](network, interface, frame)
