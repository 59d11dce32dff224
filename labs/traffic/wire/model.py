"""What a sender is, and what became of what it was given. Pure."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[np.uint8]
"""Frames, one a row: shape (frames, bytes)."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the rows that were to be sent: the first `sent` of them were, the others were not.

    `refused` had no room with the kernel or the interface (ENOBUFS, EAGAIN), and may be tried again. `malformed` is 1
    where the kernel would not have the row behind the last sent one; those behind it count as refused.
    """

    sent: int = 0
    refused: int = 0
    malformed: int = 0

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(self.sent + other.sent, self.refused + other.refused, self.malformed + other.malformed)


class Sender(Protocol):
    """Somewhere to send frames of one length, in order."""

    def rows(self, most: int) -> Rows:
        """At most so many rows that may be written now, in place; none where all are still on their way."""

    def send(self, count: int) -> Sent:
        """Send the first rows of those that were given out last; what was not sent is to be written anew."""

    def wait(self, within: float) -> bool:
        """Wait, some seconds at most, until `rows` has a row; whether it has."""

    def close(self) -> None:
        """Give everything back to the kernel; rows given out are no more."""
