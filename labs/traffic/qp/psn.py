"""Packet sequence numbers, 24 bits that wrap. Pure.

Inside, numbers are whole and never wrap; they are cut to 24 bits when a packet is made, and a number that came in is
the nearest whole one that it can stand for (InfiniBand Architecture Specification, volume 1, 9.7.1: half of the numbers
are ahead, half behind). So no comparison in here has to know about the wrap.
"""

from typing import Final

MASK: Final = (1 << 24) - 1
HALF: Final = 1 << 23
"""Numbers that are behind another: the most packets that may be unacknowledged."""


def nearest(number: int, reference: int) -> int:
    """The whole number nearest to a reference of those with these lower 24 bits; of two, the one behind it."""
    return reference + ((number - reference + HALF) & MASK) - HALF
