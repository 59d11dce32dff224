"""W3C trace context (W3C Recommendation of 2021): which requests are traced, and what goes on to backends. Whether one
is, is decided before anything is made for it: most are not, and cost nothing. Pure; chance is an argument."""

import re
from collections.abc import Callable

from msgspec import Struct

PARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
SAMPLED = 1  # the bit of the flags


class Trace(Struct, frozen=True):
    """A request that is traced, in hexadecimal: the trace, the span that it is below, if any, its own, and that of its
    backend's part."""

    id: str
    parent: str
    own: str
    asked: str

    @property
    def header(self) -> bytes:
        """What a backend is sent."""
        return f"00-{self.id}-{self.asked}-01".encode()


def begun(traceparent: bytes, share: float, draw: Callable[[], float], chance: Callable[[int], bytes]) -> Trace | None:
    """The trace of a request, or None for most: whoever has begun it decides; of those that begin here, a share is
    traced. `draw` is a number from 0 to below 1, `chance` gives so many bytes of it."""
    found = PARENT.fullmatch(traceparent) if traceparent else None
    if found is None:
        if draw() >= share:
            return None
        return Trace(chance(16).hex(), "", chance(8).hex(), chance(8).hex())
    if not int(found[3], 16) & SAMPLED:
        return None
    return Trace(found[1].decode(), found[2].decode(), chance(8).hex(), chance(8).hex())
