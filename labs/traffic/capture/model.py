"""What a capture file has: frames, and at most one place from which on it cannot be read. Pure."""

from msgspec import Struct

ETHERNET = 1  # link type, https://www.tcpdump.org/linktypes.html
LINKS = {
    ETHERNET: "Ethernet",
    101: "raw IP",
    113: "Linux cooked (tcpdump -i any)",
    276: "Linux cooked v2 (tcpdump -i any)",
    247: "InfiniBand",
}
SECOND = 1_000_000_000


class Captured(Struct, frozen=True):
    """One frame: its bytes as far as they were captured, and `size`, how many there were on the wire.

    `when` is in nanoseconds since the epoch, or whatever the file counts from; None where the file does not tell.
    """

    when: int | None
    frame: bytes
    size: int
    link: int = ETHERNET

    @property
    def cut(self) -> bool:
        """Whether the capture left out the frame's end, as a snap length has it."""
        return len(self.frame) < self.size


class Damage(Struct, frozen=True):
    """Where a file stops making sense: `at` is the byte at which the block begins that is cut or wrong, and `frames`
    how many were whole before it."""

    at: int
    frames: int
    why: str

    def __str__(self) -> str:
        return f"damaged at byte {self.at}, after {self.frames} whole frames: {self.why}"


class Broken(Exception):
    """A reader can go no further; the text says why. It never leaves this package: `Damage` is what becomes of it."""
