"""Two NICs that are joined in memory; for tests."""

from collections import deque
from collections.abc import Callable

from labs.traffic.endpoint.frames import Heard, heard


class FakeLink:
    """One end. `fate` says of each frame that is sent what arrives of it: itself, another, or nothing (None)."""

    def __init__(self, fate: Callable[[bytes], bytes | None] = lambda frame: frame, room: int | None = None) -> None:
        self.far: FakeLink | None = None
        self.sent: list[bytes] = []
        self._fate, self._room = fate, room
        self._came: deque[bytes] = deque()

    def join(self, far: "FakeLink") -> None:
        """Lay the cable."""
        self.far, far.far = far, self

    def send(self, frame: bytes) -> bool:
        """Hand a frame over; False once `room` frames have not been heard yet."""
        if self.far is None or (self._room is not None and len(self.far._came) >= self._room):
            return False
        self.sent.append(frame)
        if (arrives := self._fate(frame)) is not None:
            self.far._came.append(arrives)
        return True

    def come(self, frame: bytes) -> None:
        """A frame arrives, from whomever."""
        self._came.append(frame)

    def heard(self) -> list[Heard]:
        """What came."""
        frames, self._came = self._came, deque()
        return [found for each in frames if (found := heard(each)) is not None]

    def overrun(self) -> int:
        """None: it has room for all."""
        return 0

    def close(self) -> None:
        """Nothing is held."""
