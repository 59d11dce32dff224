"""The network's byte order as this machine sees it."""

import sys


def network(value: int) -> int:
    """Two bytes of a packet as a load of them shows them."""
    return int.from_bytes(value.to_bytes(2, "big"), sys.byteorder)
